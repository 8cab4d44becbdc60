// The kernels of one level, as table.cc lists them; lib/kernels/kernels.h says what each does.
// Included only by the files of lib/kernels that are compiled once per level.
#pragma once

#include "lib/kernels/kernels.h"

#ifndef NUDGE_LEVEL
#error "lib/kernels is compiled once per level, with -DNUDGE_LEVEL=v3, v4, v4bf16, amx, neon or neonbf16"
#endif

namespace nudge::NUDGE_LEVEL {

extern const Kernels table;

// elementwise.cc
void exp(const float* x, float* y, int64_t n);
void log(const float* x, float* y, int64_t n);
void tanh(const float* x, float* y, int64_t n);
void erf(const float* x, float* y, int64_t n);
void sigmoid(const float* x, float* y, int64_t n);
void log_sigmoid(const float* x, float* y, int64_t n);
void add(const float* x, float* y, int64_t n);
void scale(float s, float* y, int64_t n);
void add_scaled(float s, const float* x, float* y, int64_t n);
void multiply(const float* a, const float* b, float* y, int64_t n);
void soft_cap(float cap, float* x, int64_t n);
void round_to_bf16(const float* x, float* y, int64_t n);
void gelu_tanh(const float* x, float* y, int64_t n);
void gelu_tanh_backward(const float* x, const float* dy, float* dx, int64_t n);
void gelu_erf(const float* x, float* y, int64_t n);
void gelu_erf_backward(const float* x, const float* dy, float* dx, int64_t n);
void relu(const float* x, float* y, int64_t n);
void relu_backward(const float* x, const float* dy, float* dx, int64_t n);
void silu_gate(const float* g, const float* u, float* y, int64_t n);
void silu_gate_backward(const float* g, const float* u, const float* dy, float* dg, float* du, int64_t n);

// sums.cc
float sum_squares(const float* x, int64_t n);
float dot(const float* x, const float* y, int64_t n);
void add_rows(const float* x, int64_t ld, int64_t T, int64_t C, float* acc);

// softmax.cc
void row_stats(const float* logits, int64_t V, float temperature, int32_t chosen, RowStats* out);
void row_backward(const float* logits, int64_t V, float temperature, const RowStats* stats, int32_t chosen,
                  RowGradient g, OtherRow old, OtherRow ref, float* dlogits);
float row_kl(const float* p_logits, const RowStats* p, const float* q_logits, const RowStats* q, int64_t V,
             float temperature);

// losses.cc
void bradley_terry(const float* chosen, const float* rejected, const float* margin, int64_t n, float* loss,
                   float* dchosen);

// layer_norm.cc
void layer_norm(const float* x, const float* weight, const float* bias, int64_t T, int64_t C, float eps, float* y,
                float* mean, float* rstd);
void layer_norm_backward(const float* dy, const float* x, const float* weight, const float* mean, const float* rstd,
                         int64_t T, int64_t C, float* dx);
void layer_norm_parameters(const float* dy, const float* x, const float* mean, const float* rstd, int64_t T, int64_t C,
                           int64_t begin, int64_t end, float* dweight, float* dbias);

// rms_norm.cc
void rms_norm(const float* x, const float* weight, bool plus_one, int64_t T, int64_t C, float eps, float* y,
              float* rstd);
void rms_norm_backward(const float* dy, const float* x, const float* weight, bool plus_one, const float* rstd,
                       int64_t T, int64_t C, float* dx);
void rms_norm_parameters(const float* dy, const float* x, const float* rstd, int64_t T, int64_t C, int64_t begin,
                         int64_t end, float* dweight);

// rotary.cc
void rotary(float* x, int64_t heads, int64_t step, const float* cosine, const float* sine, int64_t half, bool back);

// matrix.cc
int64_t packed_size(int64_t K, int64_t N);
void pack(const float* b, int64_t row, int64_t column, int64_t K, int64_t N, int64_t panel_begin, int64_t panel_end,
          float* packed);
void pack_transpose(const float* packed, int64_t K, int64_t n_begin, int64_t n_end, int64_t panel_begin,
                    int64_t panel_end, float* out);
void gemm(const float* a, int64_t row, int64_t column, const float* packed, const Epilogue& epilogue, float* c,
          int64_t ldc, int64_t M, int64_t N, int64_t K, int64_t panel_begin, int64_t panel_end, bool accumulate,
          GemmScratch scratch);
// matrix_bf16.cc
int64_t left_strips(int64_t M);
int64_t left_size(int64_t M, int64_t K);
void copy_left_bf16(const float* a, int64_t row, int64_t column, int64_t M, int64_t K, int64_t begin, int64_t end,
                    int64_t first, int64_t K_all, float* to);
void gemm_left_bf16(LeftStrips a, const uint16_t* packed, const Epilogue& epilogue, float* c, int64_t ldc, int64_t N,
                    int64_t panel_begin, int64_t panel_end, bool accumulate, float* scratch);
int64_t packed_size_bf16(int64_t K, int64_t N);
PackBf16 pack_bf16;
PackTransposeBf16 pack_transpose_bf16;
GemmBf16 gemm_bf16;
// The floats of gemm's scratch. Here and not in matrix.cc because the table is then a constant: a start-up
// initialiser would run a level's code on processors that lack it. matrix.cc asserts that it is enough.
constexpr int64_t strip_scratch = 262144;
constexpr int64_t gemm_scratch = strip_scratch + 8192;  // and a panel's block of k in floats, for gemm_bf16

// attention.cc
void put_keys(const float* k, int64_t ld, int64_t n, int64_t D, float* kt);
int64_t kv_block_size(int64_t D);
void put_kv(const float* k, const float* v, int64_t ld, int64_t first, int64_t n, int64_t D, KvBlocks to);
void attention(const float* q, int64_t ldq, int64_t n, int64_t first, KvBlocks kv, int64_t D, AttentionForm form,
               float* out, int64_t ldo, float* stats, float* scratch);
void attention_whole(const float* q, const float* v, int64_t ldq, const float* kt, int64_t T, int64_t D,
                     AttentionForm form, float* out, int64_t ldo, float* stats, float* scratch);
void attention_backward(const float* q, const float* k, const float* v, int64_t ldq, const float* kt, const float* out,
                        const float* dout, int64_t ldo, const float* stats, int64_t T, int64_t D, AttentionForm form,
                        float* dq, float* dk, float* dv, int64_t ldd, float* scratch);
int64_t attention_scratch(int64_t T, int64_t D);

// adamw.cc
void adamw(float* p, const float* g, float* m, float* v, int64_t n, const AdamStep* step);

}  // namespace nudge::NUDGE_LEVEL
