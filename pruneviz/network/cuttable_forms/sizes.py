"""Sizes that torch's own modules remember beside their tensors."""

from __future__ import annotations

from torch import nn

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}  # by nn.RNNBase.mode


def fit_sizes(module: nn.Module) -> None:
    """Make a module's recorded sizes agree with its tensors."""
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.modules.conv._ConvNd):
        _fit_convolution(module)
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        sized = module.weight if module.weight is not None else module.running_mean
        module.num_features = module.num_features if sized is None else len(sized)
    elif isinstance(module, nn.GroupNorm) and module.weight is not None:
        module.num_channels = len(module.weight)
    elif isinstance(module, nn.Embedding | nn.EmbeddingBag):
        module.num_embeddings, module.embedding_dim = module.weight.shape
    elif isinstance(module, nn.PReLU):
        module.num_parameters = module.weight.shape[0]
    else:
        _fit_several_weights(module)


def _fit_several_weights(module: nn.Module) -> None:
    """Fit modules whose sizes are told by more than one weight, or by those of their parts."""
    if isinstance(module, nn.RNNBase):
        rows, module.input_size = module.get_parameter("weight_ih_l0").shape
        module.hidden_size = rows // GATES[module.mode]
        if module.proj_size:  # the state is narrower than what the gates compute
            module.proj_size = module.get_parameter("weight_hr_l0").shape[0]
    elif isinstance(module, nn.RNNCellBase):
        module.input_size = module.weight_ih.shape[1]
        module.hidden_size = module.weight_hh.shape[1]
    elif isinstance(module, nn.Bilinear):
        module.out_features, module.in1_features, module.in2_features = module.weight.shape
    elif isinstance(module, nn.Transformer):
        kinds = nn.TransformerEncoderLayer, nn.TransformerDecoderLayer
        layer = next((part for part in module.modules() if isinstance(part, kinds)), None)
        if layer is not None:
            module.d_model = layer.linear1.weight.shape[1]


def _fit_convolution(module: nn.modules.conv._ConvNd) -> None:
    """Depthwise convolutions lose whole groups; others keep their groups, each a little smaller."""
    first, second = module.weight.shape[:2]
    depthwise = module.groups > 1 and module.in_channels == module.groups
    if module.transposed:
        module.groups = first if depthwise else module.groups
        module.in_channels, module.out_channels = first, second * module.groups
        return
    if depthwise:
        module.groups = first // (module.out_channels // module.groups)
    module.out_channels, module.in_channels = first, second * module.groups
