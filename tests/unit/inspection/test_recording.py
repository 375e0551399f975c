"""Outputs of layers are recorded, and the network is left as it was."""

import copy

import pytest
import torch
from torch import nn

from alexnet.errors import GeometryError
from alexnet.inspection.recording import layers_that_run, listed_runs, preserved, recorded


def make_network() -> nn.Sequential:
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    return nn.Sequential(inner, nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(), nn.Linear(8, 2))


X = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(1))


def state_of(network: nn.Module) -> dict[str, object]:
    """Everything that must not change, in plain values."""
    return {
        "weights": {name: value.tolist() for name, value in network.state_dict().items()},
        "modes": [module.training for module in network.modules()],
        "gradients": [None if w.grad is None else w.grad.tolist() for w in network.parameters()],
        "identities": [None if w.grad is None else id(w.grad) for w in network.parameters()],
        "required": [w.requires_grad for w in network.parameters()],
        "hooks": [len(module._forward_hooks) for module in network.modules()],
        "random": torch.get_rng_state().tolist(),
        "grad enabled": torch.is_grad_enabled(),
    }


def test_outputs_of_any_module_are_those_before_the_next_layer_changes_them() -> None:
    network = make_network().eval()
    with recorded(network, ["0.1", "1"]) as outputs:
        network(X)
    expected = network[0](X)
    torch.testing.assert_close(outputs["0.1"], expected)
    torch.testing.assert_close(outputs["1"], expected.clamp(min=0))
    assert outputs["0.1"].min() < 0
    assert not outputs["0.1"].requires_grad


def test_layers_may_be_given_as_modules() -> None:
    network = make_network()
    with recorded(network, {"last": network[4]}) as outputs:
        result = network(X)
    torch.testing.assert_close(outputs["last"], result)


@pytest.mark.parametrize("eval_mode", [True, False])
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_everything_is_as_before(eval_mode: bool, grad: bool, fails: bool) -> None:
    network = make_network()
    network[1].eval()
    network[4].weight.requires_grad_(False)
    network[4].bias.grad = torch.ones(2)
    before = copy.deepcopy(state_of(network))
    try:
        with recorded(network, ["0"], eval_mode=eval_mode, grad=grad) as outputs:
            assert network.training is not eval_mode
            logits = network(X)
            assert logits.requires_grad is grad
            torch.rand(3)
            if grad:
                logits.sum().backward()
                network[4].weight.requires_grad_(True)
            if fails:
                raise ValueError("inside")
    except ValueError:
        assert fails
    assert set(outputs) == {"0"}
    assert state_of(network) == before


def test_gradients_inside_are_those_of_the_block_alone() -> None:
    network = make_network().eval()
    network(X).sum().backward()
    expected = network[4].weight.grad.clone()  # type: ignore[union-attr]
    with preserved(network):
        network(X).sum().backward()
        torch.testing.assert_close(network[4].weight.grad, expected)
    torch.testing.assert_close(network[4].weight.grad, expected)


def test_unknown_layer_lists_those_there_are() -> None:
    with (
        pytest.raises(GeometryError, match=r"layer conv9: the network has no such layer; choose one of 0, 0\.0"),
        recorded(make_network(), ["conv9"]),
    ):
        pass


def test_layer_that_returns_no_tensor_is_refused_and_the_hook_removed() -> None:
    network = nn.Sequential(nn.LSTM(2, 3))
    with (
        pytest.raises(GeometryError, match="layer 0: returns a tuple"),
        recorded(network, ["0"]),
    ):
        network(torch.zeros(4, 1, 2))
    assert not network[0]._forward_hooks


class OutOfOrder(nn.Module):
    """Made in another order than it runs; one layer runs twice, one not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.idle, self.twice = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.twice(self.twice(x)))


def test_layers_that_run_come_in_the_order_of_their_last_run_and_leave_no_hook() -> None:
    network = OutOfOrder().train()
    before = copy.deepcopy(state_of(network))
    assert layers_that_run(network, ["last", "idle", "twice"], torch.zeros(1, 3)) == ("twice", "last")
    with listed_runs({"a": network.twice, "b": network.last}) as runs:
        network(torch.zeros(1, 3))
    assert runs == ["a", "a", "b"]
    with pytest.raises(ZeroDivisionError), listed_runs({"a": network.twice}):
        raise ZeroDivisionError
    assert not any(module._forward_hooks for module in network.modules())
    assert state_of(network) == before
