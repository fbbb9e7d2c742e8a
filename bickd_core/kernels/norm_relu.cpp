// ReLU(batch norm(x) + addend) in training, forward and backward, in two passes over the maps each.
//
//   mean_c = p_c + sum_r (x_rc - p_c) / R,   var_c = sum_r (x_rc - p_c)^2 / R - (mean_c - p_c)^2
//   h = (x - mean) / sqrt(var + eps)
//   y = max(0, gamma h + beta + addend)
//   g = dy where y > 0, else 0;   d addend = g,   d beta = sum_r g,   d gamma = sum_r g h
//   dx = gamma / sqrt(var + eps) * (g - d beta / R - h d gamma / R)
//
// R = B H W pixels, C channels; p, the first pixel, is taken off so that a mean far from 0 costs no digits. Maps are float32 or bfloat16 in torch's channels-last order, so that a pixel's channels
// lie side by side; sums are float32 within a chunk of rows and float64 over chunks. Chunks do not follow the number of
// threads, so neither do the results. What is not a number stays so.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t WIDE = 64;    // numbers that one turn of an inner loop takes: pixels of few channels go in groups
constexpr int64_t CHUNK = 512;  // rows whose sums are taken together

inline float widen(float x) { return x; }
inline float widen(uint16_t x) {  // bfloat16 is the upper half of a float32
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

template <typename S>
inline S narrow(float x);
template <>
inline float narrow<float>(float x) {
  return x;
}
template <>
inline uint16_t narrow<uint16_t>(float x) {  // to the nearest, ties to even
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<uint16_t>(x != x ? 0x7fc0u : rounded);
}

// The maps as rows of `width` numbers: one pixel, or a group of pixels where these have fewer than WIDE channels.
struct Rows {
  int64_t channels, pixels, width, count, chunks;

  explicit Rows(const Tensor& x) : channels(x.size(1)), pixels(x.numel() / x.size(1)), width(channels) {
    int64_t left = pixels;
    while (width < WIDE && left % 2 == 0) {
      width *= 2;
      left /= 2;
    }
    count = left;
    chunks = (count + CHUNK - 1) / CHUNK;
  }

  int64_t rows_of(int64_t from, int64_t to) const { return std::min(count, to * CHUNK) - from * CHUNK; }

  void repeat(std::vector<float>& values) const {  // of one pixel's channels, for all pixels of a row
    for (int64_t c = channels; c < width; ++c) values[c] = values[c - channels];
  }
};

// Calls f(number of columns as a constant, first column) until all columns are covered; the width is a multiple of 16.
template <typename F>
void for_columns(int64_t width, F f) {
  for (int64_t c = 0; c < width;) {
    if (width - c >= 64) {
      f(std::integral_constant<int, 64>{}, c);
      c += 64;
    } else if (width - c >= 32) {
      f(std::integral_constant<int, 32>{}, c);
      c += 32;
    } else {
      f(std::integral_constant<int, 16>{}, c);
      c += 16;
    }
  }
}

// Two sums for each column in each chunk, by f(chunk, columns, first column, where its two rows of sums go); then over all
// chunks and all pixels of a row: 2 x channels.
template <typename F>
std::vector<double> column_sums(const Rows& rows, F f) {
  std::vector<float> parts(rows.chunks * 2 * rows.width);
  at::parallel_for(0, rows.chunks, 1, [&](int64_t from, int64_t to) {
    for (int64_t k = from; k < to; ++k)
      for_columns(rows.width, [&](auto columns, int64_t c) { f(k, columns, c, parts.data() + k * 2 * rows.width); });
  });
  std::vector<double> total(2 * rows.channels, 0.0);
  for (int64_t k = 0; k < 2 * rows.chunks; ++k)
    for (int64_t j = 0; j < rows.width; ++j)
      total[k % 2 * rows.channels + j % rows.channels] += parts[k * rows.width + j];
  return total;
}

template <typename S, bool ADD>
void forward(const Tensor& x_, const Tensor& add_, Tensor& y_, const float* gamma, const float* beta, float* mean,
             float* inverse, float* running_mean, float* running_var, double momentum, double eps) {
  const Rows rows(x_);
  const int64_t width = rows.width;
  const S* x = static_cast<const S*>(x_.const_data_ptr());
  const S* add = ADD ? static_cast<const S*>(add_.const_data_ptr()) : nullptr;
  S* y = static_cast<S*>(y_.mutable_data_ptr());
  std::vector<float> pivot(width);
  for (int64_t c = 0; c < rows.channels; ++c) {
    const float first = widen(x[c]);
    pivot[c] = std::isfinite(first) ? first : 0;
  }
  rows.repeat(pivot);
  const auto total = column_sums(rows, [&](int64_t k, auto columns, int64_t c, float* out) {
    constexpr int W = decltype(columns)::value;
    float sum[W] = {}, squares[W] = {}, p[W];
    std::copy_n(pivot.data() + c, W, p);
    const S* row = x + k * CHUNK * width + c;
    for (int64_t r = rows.rows_of(k, k + 1); r > 0; --r, row += width)
      for (int j = 0; j < W; ++j) {
        const float v = widen(row[j]) - p[j];
        sum[j] += v;
        squares[j] += v * v;
      }
    std::copy_n(sum, W, out + c);
    std::copy_n(squares, W, out + width + c);
  });
  std::vector<float> scale(width), shift(width);
  const double n = static_cast<double>(rows.pixels);
  for (int64_t c = 0; c < rows.channels; ++c) {
    const double off = total[c] / n, difference = total[rows.channels + c] / n - off * off;
    const double m = pivot[c] + off, variance = difference < 0 ? 0 : difference;
    const double inv = 1 / std::sqrt(variance + eps);
    mean[c] = static_cast<float>(m);
    inverse[c] = static_cast<float>(inv);
    scale[c] = static_cast<float>(gamma[c] * inv);
    shift[c] = static_cast<float>(beta[c] - gamma[c] * inv * m);
    running_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * m);
    running_var[c] = static_cast<float>((1 - momentum) * running_var[c] + momentum * variance * n / (n - 1));
  }
  rows.repeat(scale);
  rows.repeat(shift);
  at::parallel_for(0, rows.chunks, 1, [&](int64_t from, int64_t to) {
    for_columns(width, [&](auto columns, int64_t c) {
      constexpr int W = decltype(columns)::value;
      float a[W], b[W];
      std::copy_n(scale.data() + c, W, a);
      std::copy_n(shift.data() + c, W, b);
      int64_t o = from * CHUNK * width + c;
      for (int64_t r = rows.rows_of(from, to); r > 0; --r, o += width) {
#pragma GCC ivdep
        for (int j = 0; j < W; ++j) {
          float v = a[j] * widen(x[o + j]) + b[j];
          if (ADD) v += widen(add[o + j]);
          y[o + j] = narrow<S>(v < 0 ? 0 : v);
        }
      }
    });
  });
}

template <typename S, bool ADD>
void backward(const Tensor& dy_, const Tensor& x_, const Tensor& y_, Tensor& dx_, Tensor& dadd_, const float* gamma,
              const float* mean, const float* inverse, float* dgamma, float* dbeta) {
  const Rows rows(x_);
  const int64_t width = rows.width;
  const S* dy = static_cast<const S*>(dy_.const_data_ptr());
  const S* x = static_cast<const S*>(x_.const_data_ptr());
  const S* y = static_cast<const S*>(y_.const_data_ptr());
  S* dx = static_cast<S*>(dx_.mutable_data_ptr());
  S* dadd = ADD ? static_cast<S*>(dadd_.mutable_data_ptr()) : nullptr;
  std::vector<float> means(width);
  std::copy_n(mean, rows.channels, means.data());
  rows.repeat(means);
  const auto total = column_sums(rows, [&](int64_t k, auto columns, int64_t c, float* out) {
    constexpr int W = decltype(columns)::value;
    float sum[W] = {}, products[W] = {}, m[W];
    std::copy_n(means.data() + c, W, m);
    int64_t o = k * CHUNK * width + c;
    for (int64_t r = rows.rows_of(k, k + 1); r > 0; --r, o += width) {
#pragma GCC ivdep
      for (int j = 0; j < W; ++j) {
        const float came = widen(dy[o + j]);  // read in any case, or the loop is not taken 16 numbers at a time
        const float g = widen(y[o + j]) <= 0 ? 0 : came;
        if (ADD) dadd[o + j] = narrow<S>(g);
        sum[j] += g;
        products[j] += g * (widen(x[o + j]) - m[j]);
      }
    }
    std::copy_n(sum, W, out + c);
    std::copy_n(products, W, out + width + c);
  });
  std::vector<float> of_g(width), of_x(width), rest(width);
  const double n = static_cast<double>(rows.pixels);
  for (int64_t c = 0; c < rows.channels; ++c) {
    const double g = total[c], gh = total[rows.channels + c] * inverse[c];
    const double k = static_cast<double>(gamma[c]) * inverse[c];
    dgamma[c] = static_cast<float>(gh);
    dbeta[c] = static_cast<float>(g);
    of_g[c] = static_cast<float>(k);
    of_x[c] = static_cast<float>(-k * inverse[c] * gh / n);
    rest[c] = static_cast<float>(k * (inverse[c] * mean[c] * gh - g) / n);
  }
  for (auto* values : {&of_g, &of_x, &rest}) rows.repeat(*values);
  at::parallel_for(0, rows.chunks, 1, [&](int64_t from, int64_t to) {
    for_columns(width, [&](auto columns, int64_t c) {
      constexpr int W = decltype(columns)::value;
      float a[W], b[W], d[W];
      std::copy_n(of_g.data() + c, W, a);
      std::copy_n(of_x.data() + c, W, b);
      std::copy_n(rest.data() + c, W, d);
      int64_t o = from * CHUNK * width + c;
      for (int64_t r = rows.rows_of(from, to); r > 0; --r, o += width) {
#pragma GCC ivdep
        for (int j = 0; j < W; ++j) {
          const float came = ADD ? widen(dadd[o + j]) : widen(dy[o + j]);
          const float g = !ADD && widen(y[o + j]) <= 0 ? 0 : came;
          dx[o + j] = narrow<S>(a[j] * g + b[j] * widen(x[o + j]) + d[j]);
        }
      }
    });
  });
}

// Calls f(a number of the maps' type, whether there is an addend as a constant).
template <typename F>
void by_type(const Tensor& x, bool add, F f) {
  const auto by_addend = [&](auto number) {
    if (add)
      f(number, std::true_type{});
    else
      f(number, std::false_type{});
  };
  if (x.scalar_type() == at::kBFloat16)
    by_addend(uint16_t{});
  else
    by_addend(float{});
}

void check(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& running_mean,
           const Tensor& running_var, const std::optional<Tensor>& add) {
  TORCH_CHECK(x.dim() == 4 && x.device().is_cpu() && x.is_contiguous(at::MemoryFormat::ChannelsLast) &&
                  (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && x.numel() > x.size(1),
              "x must be float32 or bfloat16 maps [B, C, H, W] on the CPU in channels-last order with more than one "
              "pixel, got ", x.scalar_type(), " ", x.sizes(), "; use batch_norm and relu.");
  TORCH_CHECK(Rows(x).width % 16 == 0, "a group of pixels must have a multiple of 16 numbers, got maps ", x.sizes(),
              "; use batch_norm and relu.");
  for (const Tensor& each : {gamma, beta, running_mean, running_var})
    TORCH_CHECK(each.numel() == x.size(1) && each.scalar_type() == at::kFloat && each.is_contiguous() &&
                    each.device().is_cpu(),
                "weight, bias and running statistics must be float32 [", x.size(1), "] on the CPU, got ",
                each.scalar_type(), " ", each.sizes(), ".");
  if (add.has_value())
    TORCH_CHECK(add->sizes() == x.sizes() && add->scalar_type() == x.scalar_type() && add->device().is_cpu() &&
                    add->is_contiguous(at::MemoryFormat::ChannelsLast),
                "the addend must be like x, ", x.scalar_type(), " ", x.sizes(), " in channels-last order, got ",
                add->scalar_type(), " ", add->sizes(), ".");
}

struct NormRelu : torch::autograd::Function<NormRelu> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                        Tensor running_mean, Tensor running_var, const std::optional<Tensor>& add, double momentum,
                        double eps) {
    check(x, gamma, beta, running_mean, running_var, add);
    at::AutoDispatchBelowADInplaceOrView guard;
    Tensor y = at::empty_like(x);
    Tensor mean = at::empty({x.size(1)}, gamma.options()), inverse = at::empty_like(mean);
    by_type(x, add.has_value(), [&](auto number, auto added) {
      ::forward<decltype(number), decltype(added)::value>(
          x, add.value_or(Tensor()), y, gamma.const_data_ptr<float>(), beta.const_data_ptr<float>(),
          mean.mutable_data_ptr<float>(), inverse.mutable_data_ptr<float>(), running_mean.mutable_data_ptr<float>(),
          running_var.mutable_data_ptr<float>(), momentum, eps);
    });
    ctx->save_for_backward({x, y, gamma, mean, inverse});
    ctx->saved_data["add"] = add.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &y = saved[1], &gamma = saved[2], &mean = saved[3], &inverse = saved[4];
    const bool add = ctx->saved_data["add"].toBool();
    const Tensor dy = grads[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
    Tensor dx = at::empty_like(x), dadd = add ? at::empty_like(x) : Tensor();
    Tensor dgamma = at::empty_like(gamma), dbeta = at::empty_like(gamma);
    by_type(x, add, [&](auto number, auto added) {
      ::backward<decltype(number), decltype(added)::value>(
          dy, x, y, dx, dadd, gamma.const_data_ptr<float>(), mean.const_data_ptr<float>(),
          inverse.const_data_ptr<float>(), dgamma.mutable_data_ptr<float>(), dbeta.mutable_data_ptr<float>());
    });
    return {dx, dgamma, dbeta, Tensor(), Tensor(), dadd, Tensor(), Tensor()};
  }
};

Tensor norm_relu(const Tensor& x, const Tensor& gamma, const Tensor& beta, Tensor running_mean, Tensor running_var,
                 const std::optional<Tensor>& add, double momentum, double eps) {
  return NormRelu::apply(x, gamma, beta, running_mean, running_var, add, momentum, eps);
}

}  // namespace

TORCH_LIBRARY(bickd, library) {
  library.def(
      "norm_relu(Tensor x, Tensor weight, Tensor bias, Tensor(a!) running_mean, Tensor(b!) running_var, Tensor? addend, "
      "float momentum, float eps) -> Tensor",
      norm_relu);
}
