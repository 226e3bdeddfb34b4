"""A detector's single map: in each cell whether a thing's centre lies there, its box, its class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

from pruneviz.tasks.task import IGNORED

LEAST_SCORE, SUPPRESSED, MOST = 0.01, 0.45, 100
SURE, KIND = 0.6, 0.4  # powers of objectness and of the class's probability in a score
NEAR = 1e-6


@dataclass(frozen=True)
class SingleMap:
    """Maps (N, 5 + classes, H, W): a logit of objectness, a box, a logit for each class.

    Of a cell's box b the centre is (cell + tanh b₀, tanh b₁) in cells, the size σ(b₂), σ(b₃) of the
    image's; `size` is the image's height and width in pixels. A score is objectness^0.6 ·
    probability^0.4. Source: X. Ma, FastestDet, https://github.com/dog-qiuqiu/FastestDet.
    """

    size: tuple[int, int]

    def decode(self, output: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return the boxes of each input: corners (k, 4) in pixels, scores (k,), classes (k,).

        A cell answers with one box, of its likeliest class; of boxes of one class that overlap by
        more than 0.45 the one of the highest score stays, and of all the 100 of the highest.
        """
        from torchvision.ops import batched_nms

        sure = output[:, 0].sigmoid().flatten(1)  # (N, cells)
        probability, classes = output[:, 5:].softmax(1).flatten(2).max(1)
        scores, corners = sure**SURE * probability**KIND, self.corners(output)
        found = []
        for boxes, score, kind in zip(corners, scores, classes, strict=True):
            kept = (score > LEAST_SCORE).nonzero()[:, 0]
            at = kept[batched_nms(boxes[kept].detach(), score[kept].detach(), kind[kept],
                                  SUPPRESSED)][:MOST]  # fmt: skip
            found.append((boxes[at], score[at], kind[at]))
        return found

    def corners(self, output: Tensor) -> Tensor:
        """Return each cell's box, x1, y1, x2, y2 in pixels, (N, cells, 4)."""
        height, width = output.shape[2:]
        b = output[:, 1:5]
        columns = torch.arange(width, device=output.device, dtype=output.dtype)
        rows = torch.arange(height, device=output.device, dtype=output.dtype)[:, None]
        x, y = (b[:, 0].tanh() + columns) / width, (b[:, 1].tanh() + rows) / height
        across, down = b[:, 2].sigmoid() / 2, b[:, 3].sigmoid() / 2
        ends = torch.stack([x - across, y - down, x + across, y + down], 3)  # (N, H, W, 4)
        scale = ends.new_tensor([self.size[1], self.size[0]] * 2)
        return (ends * scale).flatten(1, 2)

    def objective(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each input, (N,).

        Cells in which a true box's centre lies are asked for objectness, that box and its class,
        of several boxes for the smallest; all others for none. Focal binary cross-entropy (Lin et
        al. 2017, arXiv 1708.02002) summed over the cells, 2 · (1 − IoU) and cross-entropy over
        those asked; all by the number of these.
        """
        wanted, there = self.asked(output, target.to(output.dtype))
        taken = there.to(output.dtype)  # (N, cells)
        logit = output[:, 0].flatten(1)
        wrong = torch.where(there, logit.neg().sigmoid(), logit.sigmoid())
        sure = wrong.square() * binary_cross_entropy_with_logits(logit, taken, reduction="none")
        box = 2 * (1 - _shared(self.corners(output), wanted[..., :4])) * taken
        logs = log_softmax(output[:, 5:].flatten(2), 1)  # (N, classes, cells)
        kind = -logs.gather(1, wanted[..., 4].long()[:, None])[:, 0] * taken
        return (sure + box + kind).sum(1) / taken.sum(1).clamp_min(1)

    def asked(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the true box and class of each cell, (N, cells, 5), and whether there is one."""
        height, width = output.shape[2:]
        ends, judged = target[..., :4], target[..., 4] != IGNORED
        x = (ends[..., 0] + ends[..., 2]) / 2 / self.size[1] * width
        y = (ends[..., 1] + ends[..., 3]) / 2 / self.size[0] * height
        column = x.floor().clamp(0, width - 1)
        cell = (y.floor().clamp(0, height - 1) * width + column).long()
        here = cell[:, None, :] == torch.arange(height * width, device=cell.device)[:, None]
        here = here & judged[:, None, :]  # (N, cells, most)
        area = (ends[..., 2:] - ends[..., :2]).prod(-1)
        smallest = torch.where(here, area[:, None, :], torch.inf).argmin(2)
        wanted = target.gather(1, smallest[..., None].expand(*smallest.shape, 5))
        there = here.any(2)
        return torch.where(there[..., None], wanted, 0.0), there


def _shared(boxes: Tensor, others: Tensor) -> Tensor:
    """Return intersection over union of boxes, pair by pair, (…, 4) both → (…)."""
    low = torch.maximum(boxes[..., :2], others[..., :2])
    high = torch.minimum(boxes[..., 2:], others[..., 2:])
    both = (high - low).clamp_min(0).prod(-1)
    areas = [(each[..., 2:] - each[..., :2]).prod(-1) for each in (boxes, others)]
    return both / (areas[0] + areas[1] - both).clamp_min(NEAR)
