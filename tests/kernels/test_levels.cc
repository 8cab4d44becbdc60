// The law: all levels give the same bits, kernel by kernel, on all machines.
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>

#include "lib/base/digest.h"
#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// By number and name of the test case, separated by a tab, the digest of its results.
std::map<std::string, std::string> known_digests() {
  std::map<std::string, std::string> all;
  std::ifstream file("tests/kernels/digests.tsv");
  for (std::string line; std::getline(file, line);)
    if (const auto tab = line.find('\t'); tab != std::string::npos) all[line.substr(tab + 1)] = line.substr(0, tab);
  return all;
}

// Of results on every machine: which bits a NaN has is up to the processor.
std::string digest_of(Floats results) {
  for (float& x : results)
    if (std::isnan(x)) x = kNan;
  return Digest().bytes(results.data(), results.size() * sizeof(float)).hex();
}

// Runs `f` at all levels and compares the results, at many sizes, and with those of other machines. Whoever changes an
// arithmetic writes tests/kernels/digests.tsv anew by NUDGE_TEST_DIGESTS=FILE, as in tests/law/digests.h.
void same_at_all(const std::function<Floats(const Kernels&, std::int64_t n)>& f) {
  static std::map<std::string, int> calls;
  Floats all;
  for (int i = 0; i < 60; ++i) {
    const std::int64_t n = i < 40 ? i : static_cast<std::int64_t>(uniform(5, 6, std::uint64_t(i)) * 5000) + 1;
    FlushDenormals flush;
    const Floats least = f(*levels().front(), n);
    for (const Kernels* k : levels()) {
      INFO("n = ", n, ", level ", k->name);
      CHECK(same_bits(f(*k, n), least));
    }
    all.insert(all.end(), least.begin(), least.end());
  }
  const std::string name = doctest::getContextOptions()->currentTest->m_name;
  const std::string key = std::to_string(++calls[name]) + "\t" + name;
  if (const char* path = std::getenv("NUDGE_TEST_DIGESTS")) {
    std::ofstream(path, std::ios::app) << digest_of(all) << '\t' << key << '\n';
    return;
  }
  static const std::map<std::string, std::string> known = known_digests();
  const auto found = known.find(key);
  INFO(key << ": other machines found other bits, or tests/kernels/digests.tsv lacks it");
  CHECK((found != known.end() && digest_of(all) == found->second));
}

// Numbers of all sizes, with both zeros, infinities, NaN and denormals strewn in.
Floats wild(std::int64_t n, std::uint64_t stream) {
  Floats x = normals(n, stream, 5);
  const Floats odd = {0.0f, -0.0f, kInf, -kInf, kNan, 1e-40f, -1e-40f, FLT_MAX, -FLT_MAX, FLT_MIN, 88.5f, -87.5f};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double u = uniform(9, stream, i);
    if (u < 0.1) x[i] = odd[std::size_t(u * 120)];
    else if (u < 0.5) x[i] = std::ldexp(x[i], int(u * 333) - 100);
  }
  return x;
}

Floats joined(std::initializer_list<Floats> parts) {
  Floats all;
  for (const Floats& p : parts) all.insert(all.end(), p.begin(), p.end());
  return all;
}

Floats zeros(std::int64_t n) { return Floats(std::size_t(n)); }

}  // namespace

TEST_CASE("all levels: elementwise kernels, on any number") {
  using Kernel = void (*Kernels::*)(const float*, float*, std::int64_t);
  for (Kernel kernel :
       {&Kernels::exp, &Kernels::log, &Kernels::tanh, &Kernels::erf, &Kernels::sigmoid, &Kernels::log_sigmoid,
        &Kernels::add, &Kernels::gelu_tanh, &Kernels::gelu_erf, &Kernels::relu}) {
    same_at_all([kernel](const Kernels& k, std::int64_t n) {
      const Floats x = wild(n, std::uint64_t(n));
      Floats y = normals(n, 1);
      (k.*kernel)(x.data(), y.data(), n);
      return y;
    });
  }
}

TEST_CASE("all levels: scales, caps, products and the gradients of activations") {
  same_at_all([](const Kernels& k, std::int64_t n) {
    Floats y = wild(n, std::uint64_t(n));
    k.scale(0.3f, y.data(), n);
    return y;
  });
  same_at_all([](const Kernels& k, std::int64_t n) {
    Floats y = wild(n, std::uint64_t(n)), x = normals(n, 3);
    k.soft_cap(7, y.data(), n);
    k.add_scaled(0.3f, x.data(), y.data(), n);
    k.multiply(x.data(), y.data(), y.data(), n);
    return y;
  });
  for (auto kernel : {&Kernels::gelu_tanh_backward, &Kernels::gelu_erf_backward, &Kernels::relu_backward}) {
    same_at_all([kernel](const Kernels& k, std::int64_t n) {
      const Floats x = wild(n, std::uint64_t(n)), dy = normals(n, 2);
      Floats dx = zeros(n);
      (k.*kernel)(x.data(), dy.data(), dx.data(), n);
      return dx;
    });
  }
}

TEST_CASE("all levels: sums") {
  same_at_all([](const Kernels& k, std::int64_t n) {
    const Floats x = normals(n * 3, 3), y = normals(n, 4);
    Floats acc = normals(n, 5);
    k.add_rows(x.data(), n, 3, n, acc.data());
    return joined({{k.sum_squares(x.data(), n), k.dot(x.data(), y.data(), n)}, acc});
  });
}

TEST_CASE("all levels: the softmax of a row, its gradient, and the divergence of two") {
  for (float temperature : {1.0f, 0.7f}) {
    same_at_all([temperature](const Kernels& k, std::int64_t n) {
      const std::int64_t V = n + 1;
      Floats p = normals(V, std::uint64_t(n), 6), q = normals(V, std::uint64_t(n + 1), 6), d = zeros(V), dref = d,
             capped = d;
      if (V > 5) p[3] = q[3] = p[4] = -kInf;
      RowStats a, b;
      k.row_stats(p.data(), V, temperature, int(V / 2), &a);
      k.row_stats(q.data(), V, temperature, -1, &b);
      const float kl = k.row_kl(p.data(), &a, q.data(), &b, V, temperature);
      const OtherRow other = {q.data(), &b, kl};
      k.row_backward(p.data(), V, temperature, &a, int(V / 2), {0.7f, -0.2f, 1.1f}, other, {}, d.data());
      k.row_backward(p.data(), V, temperature, &a, int(V / 2), {0.7f, -0.2f, 1.1f, 0.4f}, other, other, dref.data());
      k.row_backward(p.data(), V, temperature, &a, int(V / 2), {0.7f, -0.2f, 1.1f, 0, 30}, other, {}, capped.data());
      return joined(
          {{a.max, a.log_sum, a.logprob, a.entropy, b.max, b.log_sum, b.logprob, b.entropy, kl}, d, dref, capped});
    });
  }
}

TEST_CASE("all levels: the loss of pairs") {
  same_at_all([](const Kernels& k, std::int64_t n) {
    const Floats a = normals(n, 6), b = normals(n, 7), c = normals(n, 8);
    Floats loss = zeros(n), dchosen = zeros(n);
    k.bradley_terry(a.data(), b.data(), c.data(), n, loss.data(), dchosen.data());
    return joined({loss, dchosen});
  });
}

TEST_CASE("all levels: layer norm and its gradients") {
  same_at_all([](const Kernels& k, std::int64_t n) {
    const std::int64_t C = n + 1, T = 3;
    const Floats x = normals(T * C, 9, 3), weight = normals(C, 10), bias = normals(C, 11), dy = normals(T * C, 12);
    Floats y = zeros(T * C), mean = zeros(T), rstd = zeros(T), dx = normals(T * C, 13), dweight = zeros(C),
           dbias = zeros(C);
    k.layer_norm(x.data(), weight.data(), bias.data(), T, C, 1e-5f, y.data(), mean.data(), rstd.data());
    k.layer_norm_backward(dy.data(), x.data(), weight.data(), mean.data(), rstd.data(), T, C, dx.data());
    k.layer_norm_parameters(dy.data(), x.data(), mean.data(), rstd.data(), T, C, 0, C, dweight.data(), dbias.data());
    return joined({y, mean, rstd, dx, dweight, dbias});
  });
}

TEST_CASE("all levels: RMS norm and its gradients") {
  same_at_all([](const Kernels& k, std::int64_t n) {
    const std::int64_t C = n + 1, T = 3;
    const Floats x = normals(T * C, 9, 3), weight = normals(C, 10), dy = normals(T * C, 12);
    Floats y = zeros(T * C), z = y, rstd = zeros(T), dx = normals(T * C, 13), dz = dx, dweight = zeros(C);
    k.rms_norm(x.data(), weight.data(), true, T, C, 1e-5f, z.data(), rstd.data());
    k.rms_norm(x.data(), weight.data(), false, T, C, 1e-5f, y.data(), rstd.data());
    k.rms_norm_backward(dy.data(), x.data(), weight.data(), true, rstd.data(), T, C, dz.data());
    k.rms_norm_backward(dy.data(), x.data(), weight.data(), false, rstd.data(), T, C, dx.data());
    k.rms_norm_parameters(dy.data(), x.data(), rstd.data(), T, C, 0, C, dweight.data());
    return joined({y, z, rstd, dx, dz, dweight});
  });
}

TEST_CASE("all levels: rotary positions and the gated product") {
  same_at_all([](const Kernels& k, std::int64_t n) {
    Floats x = normals(4 * n, 18), back = x;
    const Floats cosine = normals(n, 19), sine = normals(n, 20), g = wild(n, 21), u = normals(n, 22);
    Floats y = zeros(n), dg = zeros(n), du = zeros(n);
    k.rotary(x.data(), 2, 2 * n, cosine.data(), sine.data(), n, false);
    k.rotary(back.data(), 2, 2 * n, cosine.data(), sine.data(), n, true);
    k.silu_gate(g.data(), u.data(), y.data(), n);
    k.silu_gate_backward(g.data(), u.data(), y.data(), dg.data(), du.data(), n);
    return joined({x, back, y, dg, du});
  });
}

TEST_CASE("all levels: AdamW") {
  same_at_all([](const Kernels& k, std::int64_t n) {
    Floats p = normals(n, 14), m = normals(n, 15, 1e-3), v = normals(n, 16, 1e-3);
    for (float& x : v) x = std::abs(x);
    const Floats g = normals(n, 17);
    const AdamStep step = {1e-3f, 0.9f, 0.99f, 1e-8f, 0.1f, 0.3f, 0.05f, 0.7f};
    k.adamw(p.data(), g.data(), m.data(), v.data(), n, &step);
    return joined({p, m, v});
  });
}
