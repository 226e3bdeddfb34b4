"""Importance from what channels answer on the calibration data."""

from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.criteria.reduce import reduce_layers
from pruneviz.granularity.units import Units
from pruneviz.registry import Parameter


def _of_channels(units: Units, evidence: Evidence, kind: str) -> Tensor:
    """Return a statistic of the channels that each unit is, or is a part of, averaged."""
    return reduce_layers(units, evidence, lambda name: evidence.statistic(kind, name))


@CRITERIA.register(
    name="activation_mean",
    title="Activation, mean",
    family="activation",
    sentence="Keeps the channels that answer strongly on average.",
    formula="mean of |a| over samples and places",
    source="Molchanov et al. 2017, arXiv 1611.06440",
    needs=("activation_mean",),
    cost="forward",
)
def activation_mean(units: Units, evidence: Evidence) -> Tensor:
    """Return the mean absolute activation of each unit's channels."""
    return _of_channels(units, evidence, "activation_mean")


@CRITERIA.register(
    name="activation_l2",
    title="Activation, L2",
    family="activation",
    sentence="Keeps the channels whose answers have the most energy.",
    formula="√(mean of a² over samples and places)",
    source="Molchanov et al. 2017, arXiv 1611.06440",
    needs=("activation_squares",),
    cost="forward",
)
def activation_l2(units: Units, evidence: Evidence) -> Tensor:
    """Return the root mean square activation of each unit's channels."""
    return _of_channels(units, evidence, "activation_squares").sqrt()


@CRITERIA.register(
    name="apoz",
    title="Zeros of the activation (APoZ)",
    family="activation",
    sentence="Channels that answer 0 most of the time go first.",
    formula="1 − fraction of zeros among a",
    source="Hu et al. 2016, arXiv 1607.03250",
    needs=("activation_zeros",),
    cost="forward",
)
def apoz(units: Units, evidence: Evidence) -> Tensor:
    """Return how often each unit's channels answer anything but 0."""
    return 1 - _of_channels(units, evidence, "activation_zeros")


@CRITERIA.register(
    name="activation_variance",
    title="Activation, variance",
    family="activation",
    sentence="Channels that always answer the same could be a bias, so they go first.",
    formula="mean of (a − ā)² over samples and places",
    source="Polyak and Wolf 2015; Molchanov et al. 2017, arXiv 1611.06440",
    needs=("activation_variance",),
    cost="forward",
)
def activation_variance(units: Units, evidence: Evidence) -> Tensor:
    """Return the variance of each unit's channels."""
    return _of_channels(units, evidence, "activation_variance")


@CRITERIA.register(
    name="activation_entropy",
    title="Activation, entropy",
    family="activation",
    sentence="Keeps the channels whose mean answer tells the samples apart.",
    formula="−Σ p·log p over the bins of the channel's mean activations",
    source="Luo and Wu 2017, arXiv 1706.05791",
    needs=("activation_entropy",),
    parameters=(
        Parameter(
            name="bins",
            default=32,
            minimum=2,
            maximum=1024,
            unit="bins",
            help="Into how many parts a channel's range is divided.",
        ),
    ),
    cost="forward",
)
def activation_entropy(units: Units, evidence: Evidence, bins: int) -> Tensor:
    """Return the entropy of each unit's channels, in nats."""
    return _of_channels(units, evidence, "activation_entropy")


@CRITERIA.register(
    name="hrank",
    title="Rank of feature maps (HRank)",
    family="activation",
    sentence="Feature maps of low rank hold little, so their channels go first.",
    formula="mean over samples of rank(a)",
    source="Lin et al. 2020, arXiv 2002.10179",
    needs=("activation_rank",),
    parameters=(
        Parameter(
            name="inputs",
            default=64,
            minimum=1,
            maximum=100_000,
            unit="inputs",
            help="How many of the calibration samples' maps are taken apart.",
        ),
    ),
    cost="forward",
)
def hrank(units: Units, evidence: Evidence, inputs: int) -> Tensor:
    """Return the mean rank of each unit's feature maps."""
    return _of_channels(units, evidence, "activation_rank")


@CRITERIA.register(
    name="attribution",
    title="Attribution for chosen classes",
    family="attribution",
    sentence="Keeps the channels that explain the answers for the classes you name.",
    formula="mean over samples of the classes of |conductance|, or of |Σ a·∂f/∂a|",
    source="Yeom et al. 2019, arXiv 1912.08881; Dhamdhere et al. 2018, arXiv 1805.12233",
    needs=("relevance",),
    parameters=(
        Parameter(
            name="classes",
            label="Of these classes",
            default="",
            help="Names or numbers of classes, with commas between; nothing means all of them.",
        ),
        Parameter(
            name="method",
            label="Attribution",
            default="conductance",
            choices=("conductance", "activation_x_gradient"),
            help="Conductance follows the way from input 0; activation × gradient looks once.",
        ),
        Parameter(
            name="steps",
            default=8,
            minimum=1,
            maximum=200,
            unit="steps",
            help="Into how many steps conductance divides the way from input 0.",
        ),
    ),
    cost="many passes",
)
def attribution(units: Units, evidence: Evidence, classes: str, method: str, steps: int) -> Tensor:
    """Return the mean relevance of each unit's channels for the chosen classes."""
    return _of_channels(units, evidence, "relevance")


@CRITERIA.register(
    name="ablation",
    title="One-unit ablation",
    family="measured",
    sentence="Switches every unit off once and measures the loss: slow, and no estimate.",
    formula="L(without the unit) − L",
    source="Molchanov et al. 2017, arXiv 1611.06440 (the oracle)",
    needs=("ablation",),
    parameters=(
        Parameter(
            name="inputs",
            default=64,
            minimum=1,
            maximum=100_000,
            unit="inputs",
            help="How many calibration samples the loss is measured on.",
        ),
        Parameter(
            name="most_units",
            default=5000,
            minimum=1,
            maximum=1_000_000,
            unit="units",
            help="The network runs once for each unit: more than these are refused.",
        ),
    ),
    cost="each unit",
    never=("expert",),  # a row of zeros is a score, and no refusal
)
def ablation(units: Units, evidence: Evidence, inputs: int, most_units: int) -> Tensor:
    """Return the measured change in loss without each unit; below 0 where it gets better."""
    return evidence.statistics["ablation"][units.name]
