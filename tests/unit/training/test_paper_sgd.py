"""The paper's update rule against the formula that it prints."""

import pytest
import torch

from alexnet.training.paper_sgd import PaperSGD


def printed_rule(rates: list[float], gradients: list[torch.Tensor], start: torch.Tensor) -> torch.Tensor:
    """The paper's §5, number by number: v ← 0.9 v - 0.0005 e w - e g; w ← w + v."""
    w, v = start.clone(), torch.zeros_like(start)
    for rate, gradient in zip(rates, gradients, strict=True):
        if rate == 0.0:  # src/weights.cu of the 2012 program: no update at all
            continue
        v = 0.9 * v - 0.0005 * rate * w - rate * gradient
        w = w + v
    return w


@pytest.mark.parametrize(
    "rates",
    [[0.01] * 6, [0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001], [0.001, 0.01, 0.0, 0.0, 0.005], [0.01, 0.01, 0.0, 0.01]],
)
def test_paper_sgd_is_the_printed_rule(rates: list[float]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    gradients = [torch.randn(7, 5, generator=generator, dtype=torch.float64) for _ in rates]
    weight = torch.nn.Parameter(start.clone())
    optimizer = PaperSGD([{"params": [weight], "weight_decay": 5e-4}], lr=rates[0], momentum=0.9)
    for rate, gradient in zip(rates, gradients, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(weight.detach(), printed_rule(rates, gradients, start), rtol=1e-12, atol=1e-14)


def test_torch_sgd_differs_from_the_printed_rule_where_the_rate_drops() -> None:
    """On the step of the drop torch's momentum is a tenth of the paper's; before it both are the same."""
    for rates, same in (([0.01] * 3, True), ([0.01, 0.01, 0.001], False)):
        weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        optimizer = torch.optim.SGD([weight], lr=0.01, momentum=0.9, weight_decay=5e-4)
        gradients = [torch.full((3,), float(i + 1), dtype=torch.float64) for i in range(3)]
        for rate, gradient in zip(rates, gradients, strict=True):
            optimizer.param_groups[0]["lr"] = rate
            weight.grad = gradient.clone()
            optimizer.step()
        expected = printed_rule(rates, gradients, torch.ones(3, dtype=torch.float64))
        assert torch.allclose(weight.detach(), expected, rtol=1e-12) is same
