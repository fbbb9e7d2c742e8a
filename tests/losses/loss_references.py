"""Slow references in plain Python floats, written from the formulas with loops; no torch, no
arrays."""

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
        _one_direction(m, tau, labels, same_class)
        + _one_direction(columns(m), tau, labels, same_class)
    ) / 2


def _one_direction(m, tau, labels, same_class):
    losses = []
    for i, row in enumerate(m):
        others = [
            j for j in range(len(m)) if j != i and labels is not None and labels[j] == labels[i]
        ]
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


def column_vectors(logits, temperature, vectors, kept):
    """The columns of the probabilities, or of their roots, or less their means."""
    q = columns(probabilities(logits, temperature))
    q = [q[c] for c in kept]
    if vectors == "root":
        return [[math.sqrt(x) for x in column] for column in q]
    if vectors == "centred":
        return [[x - mean(column) for x in column] for column in q]
    return q


def class_matrix(student, teacher, temperature, kept, *, vectors, off_diagonal, repel, margin):
    """M: the cross Gram on the diagonal, and off it what is to be pushed down."""
    s = column_vectors(student, temperature, vectors, kept)
    t = column_vectors(teacher, temperature, vectors, kept)
    m = []
    for c in range(len(s)):
        m.append([])
        for d in range(len(s)):
            entry = cosine(s[c], t[d])
            if c != d:
                entry = entry if off_diagonal == "cross" else cosine(s[c], s[d])
                if repel == "above_teacher":
                    entry = max(0.0, entry - cosine(t[c], t[d]))
                if repel == "above_margin":
                    entry = max(0.0, entry - margin)
            m[-1].append(entry)
    return m


def teacher_mass(teacher, temperature, kept):
    """How much each class weighs, with a mean of 1."""
    q = columns(probabilities(teacher, temperature))
    mass = [sum(q[c]) for c in kept]
    return [x / mean(mass) for x in mass]


def class_contrast(m, tau, weights, anchors):
    def one_direction(rows):
        losses = []
        for c, row in enumerate(rows):
            below = math.exp(row[c] / tau)
            for d, x in enumerate(row):
                if d != c:
                    below += weights[d] * math.exp(x / tau)
            losses.append(weights[c] * -math.log(math.exp(row[c] / tau) / below))
        return mean(losses)

    student, teacher = one_direction(m), one_direction(columns(m))
    return {"both": (student + teacher) / 2, "student": student, "teacher": teacher}[anchors]


def class_gram(m, gram_weight, weights):
    attraction = mean(weights[c] * (1 - m[c][c]) ** 2 for c in range(len(m)))
    pairs = [(c, d) for c in range(len(m)) for d in range(len(m)) if c != d]
    if not pairs:
        return attraction
    total = sum(weights[c] * weights[d] for c, d in pairs)
    repulsion = sum(weights[c] * weights[d] * m[c][d] ** 2 for c, d in pairs) / total
    return attraction + gram_weight * repulsion


def entropy_part(p, q):
    """sum_c p_c log(p_c / q_c), 0 where p_c is 0."""
    return sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True) if a > 0)


def others(p, label):
    """The classes other than the label, among themselves."""
    rest = [x for c, x in enumerate(p) if c != label]
    return [x / sum(rest) for x in rest]


def dkd_target(student, teacher, labels, temperature):
    losses = []
    for s, t, y in zip(
        probabilities(student, temperature),
        probabilities(teacher, temperature),
        labels,
        strict=True,
    ):
        losses.append(entropy_part([t[y], 1 - t[y]], [s[y], 1 - s[y]]))
    return temperature**2 * mean(losses)


def dkd_non_target(student, teacher, labels, temperature):
    losses = []
    for s, t, y in zip(
        probabilities(student, temperature),
        probabilities(teacher, temperature),
        labels,
        strict=True,
    ):
        losses.append(entropy_part(others(t, y), others(s, y)))
    return temperature**2 * mean(losses)


def nkd_target(student, teacher, labels):
    rows = zip(probabilities(student, 1.0), probabilities(teacher, 1.0), labels, strict=True)
    return mean(-t[y] * math.log(s[y]) for s, t, y in rows)


def nkd_non_target(student, teacher, labels, temperature):
    losses = []
    for s, t, y in zip(
        probabilities(student, temperature),
        probabilities(teacher, temperature),
        labels,
        strict=True,
    ):
        losses.append(
            -sum(a * math.log(b) for a, b in zip(others(t, y), others(s, y), strict=True))
        )
    return temperature**2 * mean(losses)


def product(rows):
    """Every inner product of two of the vectors."""
    return [[sum(a * b for a, b in zip(u, v, strict=True)) for v in rows] for u in rows]


def squared_distance(m, n):
    return sum((a - b) ** 2 for u, v in zip(m, n, strict=True) for a, b in zip(u, v, strict=True))


def mlkd_sample(student, teacher, temperatures):
    total = 0.0
    for temperature in temperatures:
        s, t = (
            product(probabilities(student, temperature)),
            product(probabilities(teacher, temperature)),
        )
        total += squared_distance(s, t) / len(student)
    return total


def mlkd_class(student, teacher, temperatures):
    total = 0.0
    for temperature in temperatures:
        s = product(columns(probabilities(student, temperature)))
        t = product(columns(probabilities(teacher, temperature)))
        total += squared_distance(s, t) / len(student[0])
    return total


def standardized(logits):
    rows = []
    for z in logits:
        deviation = math.sqrt(sum((x - mean(z)) ** 2 for x in z) / (len(z) - 1))
        rows.append([(x - mean(z)) / (deviation + 1e-7) for x in z])
    return rows


def unit(v):
    length = math.sqrt(sum(x * x for x in v))
    return [x / length for x in v] if length else list(v)


def sp(student, teacher):
    s, t = ([unit(row) for row in product(rows)] for rows in (student, teacher))
    return squared_distance(t, s) / len(student) ** 2


def pkt(student, teacher):
    def affinities(rows):
        found = []
        for u in rows:
            kernel = [
                (1 + sum(a * b for a, b in zip(unit(u), unit(v), strict=True))) / 2 for v in rows
            ]
            found.append([k / sum(kernel) for k in kernel])
        return found

    pairs = zip(affinities(student), affinities(teacher), strict=True)
    return mean(
        b * math.log((b + 1e-7) / (a + 1e-7)) for s, t in pairs for a, b in zip(s, t, strict=True)
    )


def huber(x):
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def rkd_distance(student, teacher):
    def distances(rows):
        found = [[math.dist(u, v) for v in rows] for u in rows]
        apart = [d for row in found for d in row if d > 0]
        return [d / mean(apart) if apart else d for row in found for d in row]

    return mean(huber(a - b) for a, b in zip(distances(student), distances(teacher), strict=True))


def rkd_angle(student, teacher):
    def angles(rows):
        found = []
        for at in rows:
            to = [unit([b - a for a, b in zip(at, v, strict=True)]) for v in rows]
            found += [sum(a * b for a, b in zip(u, v, strict=True)) for u in to for v in to]
        return found

    return mean(huber(a - b) for a, b in zip(angles(student), angles(teacher), strict=True))


def critic(anchor, entry, tau, normaliser):
    return math.exp(sum(a * b for a, b in zip(anchor, entry, strict=True)) / tau) / normaliser


def crd(anchors, memory, chosen, tau, normaliser):
    noise = (len(chosen[0]) - 1) / len(memory)
    losses = []
    for anchor, (own, *negatives) in zip(anchors, chosen, strict=True):
        h = critic(anchor, memory[own], tau, normaliser)
        loss = -math.log(h / (h + noise + 1e-7))
        for other in negatives:
            loss -= math.log(
                noise / (critic(anchor, memory[other], tau, normaliser) + noise + 1e-7)
            )
        losses.append(loss)
    return mean(losses)
