"""Programs that the tests make: torch.export files, and ONNX files byte by byte."""

import json
import warnings
import zipfile

import torch
from torch import nn


class Tokens(nn.Module):
    """A transformer in small: its batch is a symbol in the graph, and it ends in a linear layer."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, 8, 4, stride=4)
        self.first = nn.Parameter(torch.randn(1, 1, 8))
        self.query, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 10)
        self.register_buffer("scale", torch.tensor([0.5]), persistent=False)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], dim=1)
        q, k, v = self.query(x * self.scale).chunk(3, dim=-1)
        x = x + self.out(nn.functional.scaled_dot_product_attention(q, k, v))
        return self.head(self.norm(x)[:, 0])


class Softmax(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net(images).softmax(1)


@torch.no_grad()
def exported(model, file, *, images=None, dynamic=True):
    """Write a torch.export file."""
    images = torch.rand(2, 1, 8, 8) if images is None else images
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(model, (images,), dynamic_shapes=shapes), file)
    return file


def changed(file, out, change=lambda name, content: content, more=()):
    """A copy of a torch.export file whose JSON members went through `change`, with more members
    (name, bytes)."""
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(out, "w") as target:
        root = source.namelist()[0].partition("/")[0]
        for name in source.namelist():
            data = source.read(name)
            if name.endswith(".json"):
                data = json.dumps(change(name, json.loads(data))).encode()
            target.writestr(name, data)
        for name, data in more:
            target.writestr(f"{root}/{name}", data)
    return out


def field(number, content):
    """A field of protobuf that has a length."""
    size, length = b"", len(content)
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def onnx_with_external(location):
    """An ONNX model, as far as its tensors' places go: one in the graph, one in a node's attribute
    in a subgraph."""
    tensor = field(8, b"w") + field(13, field(1, b"location") + field(2, location.encode()))
    inner = field(1, field(5, field(5, tensor)))  # graph: node: attribute: tensor
    graph = field(5, field(8, b"w") + field(9, bytes(300))) + field(1, field(5, field(6, inner)))
    return b"\x08\x09" + field(7, graph)
