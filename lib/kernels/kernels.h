// The table of kernels: all arithmetic of the models, over raw pointers. One table per processor level (v3: AVX2 and
// FMA; v4: AVX-512; v4bf16 and amx: v4 whose bf16 products use dot products of pairs, or tiles; on Arm neon, and neonbf16
// whose bf16 products use FMAs of halves). All levels give the same bits.
//
// Letters: T tokens (rows), C channels, V vocabulary, D channels of one head, M N K the sizes of a product
// C[M,N] = A[M,K] B[K,N]. Matrices are row-major; `ld` is the distance between rows in floats. Pointers need no
// alignment. Kernels never allocate, thread, log or throw, and hold no state; lib/model deals rows, tiles and heads to
// threads. They run with denormals flushed (parallel.h sets that). Sums over a row go into 16 lanes by position modulo
// 16 from the row's start, then through one fixed tree (docs/determinism.md). Numbers in parentheses are sections of
// docs/mathematics.md.
#pragma once

#include <stdint.h>

namespace nudge {

// Statistics of a row of logits l, from one read; z = l / temperature.
struct RowStats {
  float max;      // max z
  float log_sum;  // log sum exp(z - max); log sum exp z is max + log_sum
  float logprob;  // z[chosen] - max - log_sum; 0 when chosen < 0
  float entropy;  // -sum p log p, in nats
};

// One step of AdamW (13; Loshchilov and Hutter, arXiv:1711.05101) in PyTorch's form:
// p -= lr wd p; m, v moments of gradient_scale * g; p -= lr (m / correction1) / (sqrt(v / correction2) + eps).
struct AdamStep {
  float lr, beta1, beta2, eps, weight_decay;
  float correction1, correction2;  // 1 - beta^t
  float gradient_scale;            // from clipping: min(1, limit / norm)
};

// The derivatives of a loss L that make its gradient by one row of logits; see row_backward.
struct RowGradient {
  float logprob;     // dL/d log p[chosen]
  float entropy;     // dL/d entropy
  float kl_old;      // dL/d KL(old || p), exact over the row; 0 without old logits
  float kl_ref = 0;  // dL/d KL(p || ref), exact over the row; 0 without reference logits
  float cap = 0;     // of the logits (see soft_cap): the gradient is then by what was capped; 0 without
};

// The same row of logits by another model.
struct OtherRow {
  const float* logits = nullptr;
  const RowStats* stats = nullptr;
  float kl = 0;  // KL(p || this), where a gradient needs it
};

// Cached keys and values of one head of one sequence. Token j is in block j / kKvBlock, which starts `offset` bytes after
// blocks[j / kKvBlock] and holds kv_block_size(D) numbers, floats or bf16: kKvBlock keys, transposed 16 at a time as by
// put_keys, then kKvBlock values as rows, each padded to a multiple of 16.
constexpr int64_t kKvBlock = 32;  // tokens
struct KvBlocks {
  void* const* blocks;
  int64_t offset;
  bool bf16;
};

// How queries and keys make scores (15): s = scale q.k; with a cap > 0 s becomes cap tanh(s / cap). A query at position i
// sees the keys j <= i, with a window > 0 those of them with j > i - window.
struct AttentionForm {
  float scale;
  float cap = 0;
  int64_t window = 0;
};

constexpr int64_t kPanelColumns = 32;  // of a packed matrix, see pack

// A product's epilogue, applied while its elements are in a cache: C = residual + (chain + bias), then `active` =
// activation(C) or C activation'(slope_at), by a function of the same table. Each may be null. The matrices have C's
// shape and row distance; `active` may be C.
struct Epilogue {
  const float* bias = nullptr;                                        // [N]
  const float* residual = nullptr;                                    // not C
  void (*activation)(const float* x, float* y, int64_t n) = nullptr;  // y may be x
  void (*activation_backward)(const float* x, const float* dy, float* dx, int64_t n) = nullptr;
  const float* slope_at = nullptr;
  float* active = nullptr;
};

// Scratch of a product: gemm_scratch floats. `holds_a` says that the previous product there had the same A (a, row,
// column, M and K), whose copy is reused if all of it fits: except in amx, it does where M rounded up to a multiple of
// 12, times K rounded up to one of 256, is at most kGemmCopy.
constexpr int64_t kGemmCopy = 245760;
struct GemmScratch {
  float* at;
  bool holds_a = false;
};

// A of a product of many rows, copied once for all tiles of the product: A[M, K] in strips of rows, in the form that a
// level reads, another one where A's rows were neighbours in memory. A call multiplies strips [begin, end).
struct LeftStrips {
  const float* copy;
  bool transposed;  // copied with a `row` of 1
  int64_t M, K, begin, end;
};
// Products by such a copy, in the arithmetic of bf16.
struct LeftKernels {
  int64_t (*strips)(int64_t M);
  int64_t (*size)(int64_t M, int64_t K);  // in floats
  // Copies A[m, k] = a[m * row + k * column], k in [0, K), of strips [begin, end), as k in [first, first + K) of K_all.
  // `first` is a multiple of 32; zeros follow up to the next one.
  void (*copy)(const float* a, int64_t row, int64_t column, int64_t M, int64_t K, int64_t begin, int64_t end,
               int64_t first, int64_t K_all, float* to);
  // As gemm, but `c` and the epilogue's pointers are the starts of whole matrices by rows as well. scratch: gemm_scratch.
  void (*gemm)(LeftStrips a, const uint16_t* packed, const Epilogue& epilogue, float* c, int64_t ldc, int64_t N,
               int64_t panel_begin, int64_t panel_end, bool accumulate, float* scratch);
  // 0: while a cache holds a call's strips, panels pass by, so a call is best given few rows. Else the panels that a
  // cache holds while strips pass by: a call is best given so many, and many rows.
  int64_t panels_held;
};

// The bf16 products, the only kernels that differ between v4, v4bf16 and amx, and neon and neonbf16.
using PackBf16 = void(const float* b, int64_t row, int64_t column, int64_t K, int64_t N, int64_t panel_begin,
                      int64_t panel_end, uint16_t* packed);
using PackTransposeBf16 = void(const uint16_t* packed, int64_t K, int64_t n_begin, int64_t n_end, int64_t panel_begin,
                               int64_t panel_end, uint16_t* out);
using GemmBf16 = void(const float* a, int64_t row, int64_t column, const uint16_t* packed, const Epilogue& epilogue,
                      float* c, int64_t ldc, int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end,
                      bool accumulate, GemmScratch scratch);

struct Kernels {
  const char* name;  // "v3", "v4", "v4bf16", "amx", "neon", "neonbf16"

  // --- elementwise, y may be x ---
  void (*exp)(const float* x, float* y, int64_t n);
  void (*log)(const float* x, float* y, int64_t n);
  void (*tanh)(const float* x, float* y, int64_t n);
  void (*erf)(const float* x, float* y, int64_t n);
  void (*sigmoid)(const float* x, float* y, int64_t n);
  void (*log_sigmoid)(const float* x, float* y, int64_t n);
  // y += x
  void (*add)(const float* x, float* y, int64_t n);
  // y *= s
  void (*scale)(float s, float* y, int64_t n);
  // y = fma(s, x, y)
  void (*add_scaled)(float s, const float* x, float* y, int64_t n);
  // y = a b; y may be a or b.
  void (*multiply)(const float* a, const float* b, float* y, int64_t n);
  // x = cap tanh(x / cap) (15), in place; its slope is 1 - (y / cap)^2.
  void (*soft_cap)(float cap, float* x, int64_t n);
  // y = x rounded to the nearest bf16, ties to even; denormals become 0.
  void (*round_to_bf16)(const float* x, float* y, int64_t n);
  // GELU (15), the tanh form (gelu_new) and the erf form; backward: dx = dy * gelu'(x), dx may be dy.
  void (*gelu_tanh)(const float* x, float* y, int64_t n);
  void (*gelu_tanh_backward)(const float* x, const float* dy, float* dx, int64_t n);
  void (*gelu_erf)(const float* x, float* y, int64_t n);
  void (*gelu_erf_backward)(const float* x, const float* dy, float* dx, int64_t n);
  // max(x, 0); backward: dx = dy where x > 0, else 0; dx may be dy.
  void (*relu)(const float* x, float* y, int64_t n);
  void (*relu_backward)(const float* x, const float* dy, float* dx, int64_t n);
  // The gated product of SwiGLU (15): y = silu(g) u with silu(g) = g sigmoid(g); y may be g or u.
  // Backward: dg = dy u silu'(g), du = dy silu(g); dg may be g or dy, du may be u.
  void (*silu_gate)(const float* g, const float* u, float* y, int64_t n);
  void (*silu_gate_backward)(const float* g, const float* u, const float* dy, float* dg, float* du, int64_t n);

  // --- sums ---
  float (*sum_squares)(const float* x, int64_t n);
  float (*dot)(const float* x, const float* y, int64_t n);
  // acc[c] += x[0,c] + x[1,c] + ... one row after the other (a chain through memory), c in [0, C).
  void (*add_rows)(const float* x, int64_t ld, int64_t T, int64_t C, float* acc);

  // --- softmax of a row (14) ---
  // One read of the row. temperature > 0. chosen in [0, V) or -1. Infinite logits: -inf has
  // probability 0 and adds nothing to the entropy; +inf or NaN make all results NaN.
  void (*row_stats)(const float* logits, int64_t V, float temperature, int32_t chosen, RowStats* out);
  // dlogits (may be logits): the gradient of g.logprob log p[chosen] + g.entropy H(p) + g.kl_old KL(old || p) +
  // g.kl_ref KL(p || ref). `stats` are those of `logits`; `old` and `ref` may be empty where their derivative is 0, and
  // `ref` holds KL(p || ref). chosen may be -1 when g.logprob is 0. With g.cap, `logits` are capped ones.
  void (*row_backward)(const float* logits, int64_t V, float temperature, const RowStats* stats, int32_t chosen,
                       RowGradient g, OtherRow old, OtherRow ref, float* dlogits);
  // KL(p || q) = sum p (log p - log q) of two rows of logits with their stats; exactly 0 for equal rows.
  float (*row_kl)(const float* p_logits, const RowStats* p, const float* q_logits, const RowStats* q, int64_t V,
                  float temperature);

  // --- losses, elementwise over n pairs, to be minimised ---
  // (3) -log sigmoid(chosen - rejected - margin); dchosen = dloss/dchosen = -dloss/drejected. margin may be null.
  void (*bradley_terry)(const float* chosen, const float* rejected, const float* margin, int64_t n, float* loss,
                        float* dchosen);

  // --- layer norm (15): y = (x - mean) rstd weight + bias, rstd = 1 / sqrt(variance + eps), biased variance ---
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int64_t T, int64_t C, float eps, float* y,
                     float* mean, float* rstd);
  // dx += the gradient by x (the residual's gradient is in dx already).
  void (*layer_norm_backward)(const float* dy, const float* x, const float* weight, const float* mean,
                              const float* rstd, int64_t T, int64_t C, float* dx);
  // dweight[c] += sum over rows of dy x-hat, dbias[c] += sum of dy, row after row, for c in [begin, end).
  void (*layer_norm_parameters)(const float* dy, const float* x, const float* mean, const float* rstd, int64_t T,
                                int64_t C, int64_t begin, int64_t end, float* dweight, float* dbias);

  // --- RMS norm (15): y = x rstd weight, or x rstd (1 + weight) with plus_one; rstd = 1 / sqrt(mean of x^2 + eps); as
  // layer norm in all else. The weight's gradient is the same in both forms. ---
  void (*rms_norm)(const float* x, const float* weight, bool plus_one, int64_t T, int64_t C, float eps, float* y,
                   float* rstd);
  void (*rms_norm_backward)(const float* dy, const float* x, const float* weight, bool plus_one, const float* rstd,
                            int64_t T, int64_t C, float* dx);
  void (*rms_norm_parameters)(const float* dy, const float* x, const float* rstd, int64_t T, int64_t C, int64_t begin,
                              int64_t end, float* dweight);

  // --- rotary positions (15), in place: channels i and half + i of each head become
  // (a cos_i - b sin_i, b cos_i + a sin_i) for i in [0, half). Head h begins at x + h step; channels from 2 half on
  // stay. cosine, sine [half] are those of the row's position. `back` rotates by the opposite angle: the gradient.
  void (*rotary)(float* x, int64_t heads, int64_t step, const float* cosine, const float* sine, int64_t half,
                 bool back);

  // --- matrix product ---
  // B[k, n] at b[k * row + n * column] is packed into panels of kPanelColumns: packed_size(K, N) floats,
  // panel after panel, each K rows of that; the last panel's missing columns are 0.
  int64_t (*packed_size)(int64_t K, int64_t N);
  void (*pack)(const float* b, int64_t row, int64_t column, int64_t K, int64_t N, int64_t panel_begin,
               int64_t panel_end, float* packed);
  // From packed B the panels [panel_begin, panel_end) of its transpose (K columns), of that the rows
  // [n_begin, n_end), as pack would write those panels alone; n_begin is a multiple of 16. So the product by the
  // transpose needs no copy of all of it.
  void (*pack_transpose)(const float* packed, int64_t K, int64_t n_begin, int64_t n_end, int64_t panel_begin,
                         int64_t panel_end, float* out);
  // C[m, n] (+)= sum over k = 0, 1, ... of A[m, k] B[k, n]: one chain of FMAs per element, in that order, from 0 or,
  // with `accumulate`, from what C holds; then the epilogue.
  // A[m, k] is a[m * row + k * column]. Columns are those of panels [panel_begin, panel_end), panel p's
  // being 32p..; `packed`, `c` and the epilogue's pointers are the starts of whole matrices.
  void (*gemm)(const float* a, int64_t row, int64_t column, const float* packed, const Epilogue& epilogue, float* c,
               int64_t ldc, int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end, bool accumulate,
               GemmScratch scratch);
  // The same with both factors rounded to bf16, in the arithmetic of the processors' tiles: within each block of 32 k
  // from k = 0 on, even and odd k are two chains of FMAs from 0, whose sum is added to the element. The panels are of
  // packed_size_bf16(K, N) numbers, K filled up to a multiple of 32; n_begin is a multiple of 32.
  int64_t (*packed_size_bf16)(int64_t K, int64_t N);
  PackBf16* pack_bf16;
  PackTransposeBf16* pack_transpose_bf16;
  GemmBf16* gemm_bf16;
  LeftKernels left_bf16;
  int64_t gemm_scratch;

  // --- attention of one head of one sequence, causal (15) ---
  // The keys k[n, D] (ld), transposed 16 at a time: key j's channel i at kt[(j / 16) * 16 * D + i * 16 + j % 16].
  void (*put_keys)(const float* k, int64_t ld, int64_t n, int64_t D, float* kt);
  int64_t (*kv_block_size)(int64_t D);
  // Stores tokens first .. first + n - 1 of k[n, D] and v[n, D] (both ld) in their blocks; rounds where these are bf16.
  void (*put_kv)(const float* k, const float* v, int64_t ld, int64_t first, int64_t n, int64_t D, KvBlocks to);
  // For queries at positions first .. first + n - 1: out = softmax(scores) v over the keys that each sees.
  // q, out [n, D] with ldq, ldo. The score is a chain over D from 0; the weights' sum is 16 lanes by token modulo 16
  // and the tree; out is a chain over tokens, then divided by the sum. All of it in float32, also over bf16. Blocks in
  // front of the one that holds the first key of the first query's window aren't touched, and may be null.
  // stats (may be null): per query the maximal score and the sum, 2n floats. scratch: attention_scratch(T, D).
  void (*attention)(const float* q, int64_t ldq, int64_t n, int64_t first, KvBlocks kv, int64_t D, AttentionForm form,
                    float* out, int64_t ldo, float* stats, float* scratch);
  // The same for a whole sequence of T without a cache: kt from put_keys, v [T, D] with ldq as it is.
  void (*attention_whole)(const float* q, const float* v, int64_t ldq, const float* kt, int64_t T, int64_t D,
                          AttentionForm form, float* out, int64_t ldo, float* stats, float* scratch);
  // For a whole sequence of T: writes (not adds) dq, dk, dv [T, D] with ldd. q, k, v with ldq, out and dout with ldo,
  // kt from put_keys, stats from attention.
  void (*attention_backward)(const float* q, const float* k, const float* v, int64_t ldq, const float* kt,
                             const float* out, const float* dout, int64_t ldo, const float* stats, int64_t T, int64_t D,
                             AttentionForm form, float* dq, float* dk, float* dv, int64_t ldd, float* scratch);
  int64_t (*attention_scratch)(int64_t T, int64_t D);

  // --- optimizer (13) ---
  void (*adamw)(float* p, const float* g, float* m, float* v, int64_t n, const AdamStep* step);
};

// The current level: NUDGE_KERNELS=v3|v4|v4bf16|amx|neon|neonbf16 where set, else the best the processor has. Throws Error kUsage for a
// level that does not exist or that the processor lacks, kInternal below the least level.
const Kernels& kernels();

// A level by name, or null where the processor lacks it. For tests that compare levels.
const Kernels* kernels_of_level(const char* name);

// Sets the level of the whole process, for tests that compare levels. Matrices packed at another level are then unusable.
void use_kernels(const Kernels& k);

}  // namespace nudge
