// The table of one level: a constant, filled before any code runs.
#include "lib/kernels/level.h"

#define NUDGE_NAME_(level) #level
#define NUDGE_NAME(level) NUDGE_NAME_(level)

namespace nudge::NUDGE_LEVEL {

constinit const Kernels table = {
    .name = NUDGE_NAME(NUDGE_LEVEL),
    .exp = exp,
    .log = log,
    .tanh = tanh,
    .erf = erf,
    .sigmoid = sigmoid,
    .log_sigmoid = log_sigmoid,
    .add = add,
    .scale = scale,
    .add_scaled = add_scaled,
    .multiply = multiply,
    .soft_cap = soft_cap,
    .round_to_bf16 = round_to_bf16,
    .gelu_tanh = gelu_tanh,
    .gelu_tanh_backward = gelu_tanh_backward,
    .gelu_erf = gelu_erf,
    .gelu_erf_backward = gelu_erf_backward,
    .relu = relu,
    .relu_backward = relu_backward,
    .silu_gate = silu_gate,
    .silu_gate_backward = silu_gate_backward,
    .sum_squares = sum_squares,
    .dot = dot,
    .add_rows = add_rows,
    .row_stats = row_stats,
    .row_backward = row_backward,
    .row_kl = row_kl,
    .bradley_terry = bradley_terry,
    .layer_norm = layer_norm,
    .layer_norm_backward = layer_norm_backward,
    .layer_norm_parameters = layer_norm_parameters,
    .rms_norm = rms_norm,
    .rms_norm_backward = rms_norm_backward,
    .rms_norm_parameters = rms_norm_parameters,
    .rotary = rotary,
    .packed_size = packed_size,
    .pack = pack,
    .pack_transpose = pack_transpose,
    .gemm = gemm,
    .packed_size_bf16 = packed_size_bf16,
    .pack_bf16 = pack_bf16,
    .pack_transpose_bf16 = pack_transpose_bf16,
    .gemm_bf16 = gemm_bf16,
    .left_bf16 = {left_strips, left_size, copy_left_bf16, gemm_left_bf16, 0},
    .gemm_scratch = gemm_scratch,
    .put_keys = put_keys,
    .kv_block_size = kv_block_size,
    .put_kv = put_kv,
    .attention = attention,
    .attention_backward = attention_backward,
    .attention_scratch = attention_scratch,
    .adamw = adamw,
};

}  // namespace nudge::NUDGE_LEVEL
