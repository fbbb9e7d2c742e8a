"""Slow references in plain Python floats, written from the formulas with loops; no torch, no arrays."""

import math


def softmax(z, temperature):
    top = max(z)
    exps = [math.exp((x - top) / temperature) for x in z]
    return [e / sum(exps) for e in exps]


def probabilities(logits, temperature):
    return [softmax(row, temperature) for row in logits]


def columns(rows):
    return [[row[c] for row in rows] for c in range(len(rows[0]))]


def cosine(u, v):
    dot = sum(a * b for a, b in zip(u, v, strict=True))
    return dot / math.sqrt(sum(a * a for a in u)) / math.sqrt(sum(b * b for b in v))


def pearson(u, v):
    mean_u, mean_v = sum(u) / len(u), sum(v) / len(v)
    return cosine([a - mean_u for a in u], [b - mean_v for b in v])


def cosines(us, vs):
    return [[cosine(u, v) for v in vs] for u in us]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def cross_entropy(logits, labels):
    return mean(-math.log(p[y]) for p, y in zip(probabilities(logits, 1.0), labels, strict=True))


def kd(student, teacher, temperature):
    total = 0.0
    for p_s, p_t in zip(
        probabilities(student, temperature), probabilities(teacher, temperature), strict=True
    ):
        for s, t in zip(p_s, p_t, strict=True):
            total += t * (math.log(t) - math.log(s))
    return temperature**2 * total / len(student)


def dist_rows(student, teacher, temperature):
    p_s, p_t = probabilities(student, temperature), probabilities(teacher, temperature)
    return temperature**2 * (1 - mean(pearson(s, t) for s, t in zip(p_s, p_t, strict=True)))


def dist_columns(student, teacher, temperature):
    q_s = columns(probabilities(student, temperature))
    q_t = columns(probabilities(teacher, temperature))
    return temperature**2 * (1 - mean(pearson(s, t) for s, t in zip(q_s, q_t, strict=True)))


def sample_cosines(student, teacher, temperature):
    return cosines(probabilities(student, temperature), probabilities(teacher, temperature))


def class_cosines(student, teacher, temperature, kept=None):
    q_s = columns(probabilities(student, temperature))
    q_t = columns(probabilities(teacher, temperature))
    kept = range(len(q_s)) if kept is None else kept
    return cosines([q_s[c] for c in kept], [q_t[c] for c in kept])


def contrast(m, tau, labels=None, same_class="negative"):
    return (
        _one_direction(m, tau, labels, same_class) + _one_direction(columns(m), tau, labels, same_class)
    ) / 2


def _one_direction(m, tau, labels, same_class):
    losses = []
    for i, row in enumerate(m):
        others = [j for j in range(len(m)) if j != i and labels is not None and labels[j] == labels[i]]
        left_out = others if same_class == "ignore" else []
        denominator = sum(math.exp(x / tau) for j, x in enumerate(row) if j not in left_out)
        targets = [i, *others] if same_class == "positive" else [i]
        losses.append(mean(-math.log(math.exp(row[j] / tau) / denominator) for j in targets))
    return mean(losses)


def gram(m, weight, labels=None, same_class="negative"):
    attraction, repulsion = [], []
    for i, row in enumerate(m):
        pulled = []
        for j, x in enumerate(row):
            same = labels is not None and labels[i] == labels[j]
            if i == j or (same and same_class == "positive"):
                pulled.append((1 - x) ** 2)
            elif not (same and same_class == "ignore"):
                repulsion.append(x * x)
        attraction.append(mean(pulled))
    return mean(attraction) + weight * (mean(repulsion) if repulsion else 0.0)
