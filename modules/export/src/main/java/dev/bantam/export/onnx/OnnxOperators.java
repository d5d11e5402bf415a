package dev.bantam.export.onnx;

import dev.bantam.tensor.Blas;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import onnx.Onnx.AttributeProto;
import onnx.Onnx.NodeProto;
import org.apache.commons.math3.special.Erf;

/** The operators of {@link OnnxInterpreter}, each as the ONNX standard defines it. */
final class OnnxOperators {
  private OnnxOperators() {}

  static List<OnnxValue> apply(NodeProto node, List<OnnxValue> in) {
    return switch (node.getOpType()) {
      case "Add" -> List.of(elementwise(in, (a, b) -> a + b));
      case "Sub" -> List.of(elementwise(in, (a, b) -> a - b));
      case "Mul" -> List.of(elementwise(in, (a, b) -> a * b));
      case "Div" -> List.of(elementwise(in, (a, b) -> a / b));
      case "Max" -> List.of(elementwise(in, Math::max));
      case "Min" -> List.of(elementwise(in, Math::min));
      case "Equal" -> List.of(equal(in.get(0), in.get(1)));
      case "Not" -> List.of(each(in.get(0), x -> 1 - x));
      case "CumSum" -> List.of(sums(in.get(0), in.get(1)));
      case "Erf" -> List.of(each(in.get(0), x -> (float) Erf.erf(x)));
      case "Tanh" -> List.of(each(in.get(0), x -> (float) StrictMath.tanh(x)));
      case "Relu" -> List.of(each(in.get(0), x -> Math.max(x, 0f)));
      case "Cast" -> List.of(cast(node, in.get(0)));
      case "Shape" -> List.of(shape(in.get(0)));
      case "Gather" -> List.of(gather(in.get(0), in.get(1), integer(node, "axis", 0)));
      case "Slice" -> List.of(slice(in));
      case "Split" -> split(in.get(0), in.get(1), integer(node, "axis", 0));
      case "Unsqueeze" -> List.of(unsqueeze(in.get(0), in.get(1)));
      case "Reshape" -> List.of(reshape(in.get(0), in.get(1)));
      case "Transpose" -> List.of(transpose(in.get(0), integers(node, "perm")));
      case "ReduceSum" -> List.of(sumOverTokens(in.get(0), in.get(1)));
      case "ReduceL2" -> List.of(lengths(in.get(0)));
      case "Softmax" -> List.of(softmax(in.get(0)));
      case "LayerNormalization" -> List.of(norm(node, in));
      case "MatMul" -> List.of(product(in.get(0), in.get(1)));
      case "DynamicQuantizeLinear" -> QuantizedOperators.quantize(in.get(0));
      case "QuantizeLinear" -> List.of(QuantizedOperators.codes(in.get(0), in.get(1), in.get(2)));
      case "DequantizeLinear" ->
          List.of(QuantizedOperators.restored(node, in.get(0), in.get(1), in.get(2)));
      case "Clip" -> List.of(clip(in.get(0), in.get(1), in.get(2)));
      case "MatMulInteger" -> List.of(QuantizedOperators.integerProduct(in));
      case "MatMulNBits" -> List.of(QuantizedOperators.blockProduct(node, in));
      default ->
          throw new IllegalStateException(
              "Operator '" + node.getOpType() + "' of node '" + node.getName() + "' is unknown");
    };
  }

  /**
   * As {@link #apply}, but {@code DynamicQuantizeLinear} gives its input as it is, with the scale 1
   * and the zero point 0, and so do {@code Clip}, {@code QuantizeLinear} and the {@code
   * DequantizeLinear} behind it. {@link OnnxWriter} cuts values only to round them.
   */
  static List<OnnxValue> applyUnrounded(NodeProto node, List<OnnxValue> in) {
    return switch (node.getOpType()) {
      case "DynamicQuantizeLinear" ->
          List.of(
              in.get(0), OnnxValue.reals(new float[] {1f}), OnnxValue.bytes(new byte[] {0}, true));
      case "Clip", "QuantizeLinear" -> List.of(in.get(0));
      case "DequantizeLinear" -> in.get(0).reals() != null ? List.of(in.get(0)) : apply(node, in);
      default -> apply(node, in);
    };
  }

  static int integer(NodeProto node, String name, int otherwise) {
    return node.getAttributeList().stream()
        .filter(a -> a.getName().equals(name))
        .mapToInt(a -> Math.toIntExact(a.getI()))
        .findFirst()
        .orElse(otherwise);
  }

  private static int[] integers(NodeProto node, String name) {
    return node.getAttributeList().stream()
        .filter(a -> a.getName().equals(name))
        .map(AttributeProto::getIntsList)
        .findFirst()
        .orElseThrow()
        .stream()
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  private interface Unary {
    float of(float x);
  }

  private interface Binary {
    float of(float a, float b);
  }

  private static OnnxValue each(OnnxValue x, Unary function) {
    final float[] y = new float[x.length()];
    for (int i = 0; i < y.length; i++) {
      y[i] = function.of(x.reals()[i]);
    }
    return OnnxValue.reals(y, x.shape());
  }

  /** A function of two tensors whose dimensions agree, counted from the last, or are 1. */
  private static OnnxValue elementwise(List<OnnxValue> in, Binary function) {
    final OnnxValue a = in.get(0);
    final OnnxValue b = in.get(1);
    final int rank = Math.max(a.shape().length, b.shape().length);
    final int[] shape = new int[rank];
    final int[] strideA = strides(a.shape(), rank);
    final int[] strideB = strides(b.shape(), rank);
    for (int d = 0; d < rank; d++) {
      shape[d] = Math.max(size(a.shape(), rank, d), size(b.shape(), rank, d));
    }
    final float[] y = new float[elements(shape)];
    final int[] at = new int[rank];
    int i = 0;
    int j = 0;
    for (int o = 0; o < y.length; o++) {
      y[o] = function.of(a.reals()[i], b.reals()[j]);
      for (int d = rank - 1; d >= 0; d--) {
        i += strideA[d];
        j += strideB[d];
        if (++at[d] < shape[d]) {
          break;
        }
        i -= strideA[d] * shape[d];
        j -= strideB[d] * shape[d];
        at[d] = 0;
      }
    }
    return OnnxValue.reals(y, shape);
  }

  private static int size(int[] shape, int rank, int d) {
    final int own = d - (rank - shape.length);
    return own < 0 ? 1 : shape[own];
  }

  /** Distances between neighbours along each dimension; 0 where there is one element. */
  private static int[] strides(int[] shape, int rank) {
    final int[] strides = new int[rank];
    int stride = 1;
    for (int d = rank - 1; d >= 0; d--) {
      final int size = size(shape, rank, d);
      strides[d] = size == 1 ? 0 : stride;
      stride *= size;
    }
    return strides;
  }

  static int elements(int... shape) {
    int n = 1;
    for (int size : shape) {
      n = Math.multiplyExact(n, size);
    }
    return n;
  }

  private static OnnxValue cast(NodeProto node, OnnxValue x) {
    final int to = integer(node, "to", 0);
    if (to == OnnxTypes.FLOAT) {
      return x.toReals();
    }
    if (to != OnnxTypes.INT64) {
      throw new IllegalStateException("'" + node.getName() + "' casts to type " + to);
    }
    final long[] wholes = new long[x.length()];
    Arrays.setAll(wholes, i -> (long) x.reals()[i]);
    return OnnxValue.wholes(wholes, x.shape());
  }

  /** Truth values are kept as 0 and 1. */
  private static OnnxValue equal(OnnxValue x, OnnxValue one) {
    final float[] y = new float[x.length()];
    for (int i = 0; i < y.length; i++) {
      y[i] = x.whole(i) == one.whole(0) ? 1 : 0;
    }
    return OnnxValue.reals(y, x.shape());
  }

  /** Running sums along the last dimension. */
  private static OnnxValue sums(OnnxValue x, OnnxValue axis) {
    if (axis.whole(0) != x.shape().length - 1) {
      throw new IllegalStateException("CumSum along another dimension than the last");
    }
    final float[] y = x.reals().clone();
    for (int i = 0; i < y.length; i++) {
      y[i] += i % x.last() == 0 ? 0 : y[i - 1];
    }
    return OnnxValue.reals(y, x.shape());
  }

  private static OnnxValue shape(OnnxValue x) {
    return OnnxValue.wholes(Arrays.stream(x.shape()).asLongStream().toArray(), x.shape().length);
  }

  private static OnnxValue gather(OnnxValue x, OnnxValue indices, int axis) {
    final int outer = elements(Arrays.copyOf(x.shape(), axis));
    final int size = x.shape()[axis];
    final int inner = elements(Arrays.copyOfRange(x.shape(), axis + 1, x.shape().length));
    final int n = indices.length();
    final int[] from = new int[Math.multiplyExact(outer * n, inner)];
    for (int o = 0, at = 0; o < outer; o++) {
      for (int i = 0; i < n; i++) {
        final int start = (o * size + indices.whole(i)) * inner;
        for (int k = 0; k < inner; k++) {
          from[at++] = start + k;
        }
      }
    }
    final int rank = x.shape().length - 1 + indices.shape().length;
    final int[] shape = new int[rank];
    System.arraycopy(x.shape(), 0, shape, 0, axis);
    System.arraycopy(indices.shape(), 0, shape, axis, indices.shape().length);
    System.arraycopy(
        x.shape(), axis + 1, shape, axis + indices.shape().length, x.shape().length - axis - 1);
    return x.pick(from, shape);
  }

  /** Rows from a start to an end, along the first dimension. */
  private static OnnxValue slice(List<OnnxValue> in) {
    final OnnxValue x = in.get(0);
    if (in.size() > 3 && in.get(3).whole(0) != 0) {
      throw new IllegalStateException("Slice along another dimension than the first");
    }
    final int start = in.get(1).whole(0);
    final int end = Math.min(in.get(2).whole(0), x.shape()[0]);
    final int width = x.length() / x.shape()[0];
    final int[] from = new int[(end - start) * width];
    Arrays.setAll(from, i -> start * width + i);
    final int[] shape = x.shape().clone();
    shape[0] = end - start;
    return x.pick(from, shape);
  }

  private static List<OnnxValue> split(OnnxValue x, OnnxValue sizes, int axis) {
    final List<OnnxValue> parts = new ArrayList<>();
    long start = 0;
    for (int i = 0; i < sizes.length(); i++) {
      final long from = start;
      final long[] indices = new long[sizes.whole(i)];
      Arrays.setAll(indices, k -> from + k);
      parts.add(gather(x, OnnxValue.wholes(indices, indices.length), axis));
      start += indices.length;
    }
    return parts;
  }

  private static OnnxValue unsqueeze(OnnxValue x, OnnxValue axes) {
    final int rank = x.shape().length + axes.length();
    final int[] shape = new int[rank];
    for (int i = 0; i < axes.length(); i++) {
      shape[Math.floorMod(axes.whole(i), rank)] = 1;
    }
    for (int d = 0, own = 0; d < rank; d++) {
      shape[d] = shape[d] == 1 ? 1 : x.shape()[own++];
    }
    return x.as(shape);
  }

  private static OnnxValue reshape(OnnxValue x, OnnxValue target) {
    final int[] shape = new int[target.length()];
    for (int d = 0; d < shape.length; d++) {
      shape[d] = target.whole(d) == 0 ? x.shape()[d] : target.whole(d);
    }
    if (elements(shape) != x.length()) {
      throw new IllegalStateException(
          Arrays.toString(x.shape()) + " reshaped to " + Arrays.toString(shape));
    }
    return x.as(shape);
  }

  private static OnnxValue transpose(OnnxValue x, int[] order) {
    final int rank = order.length;
    final int[] shape = new int[rank];
    final int[] stride = new int[rank];
    final int[] own = strides(x.shape(), rank);
    for (int d = 0; d < rank; d++) {
      shape[d] = x.shape()[order[d]];
      stride[d] = own[order[d]];
    }
    final int[] from = new int[x.length()];
    final int[] at = new int[rank];
    int i = 0;
    for (int o = 0; o < from.length; o++) {
      from[o] = i;
      for (int d = rank - 1; d >= 0; d--) {
        i += stride[d];
        if (++at[d] < shape[d]) {
          break;
        }
        i -= stride[d] * shape[d];
        at[d] = 0;
      }
    }
    return x.pick(from, shape);
  }

  /** [B, T, n] summed over T. */
  private static OnnxValue sumOverTokens(OnnxValue x, OnnxValue axes) {
    if (axes.length() != 1 || axes.whole(0) != 1 || x.shape().length != 3) {
      throw new IllegalStateException("ReduceSum over another dimension than tokens");
    }
    final int n = x.last();
    final float[] y = new float[x.shape()[0] * n];
    for (int i = 0; i < x.length(); i++) {
      y[i / (x.shape()[1] * n) * n + i % n] += x.reals()[i];
    }
    return OnnxValue.reals(y, x.shape()[0], n);
  }

  private static OnnxValue lengths(OnnxValue x) {
    final int n = x.last();
    final float[] y = new float[x.length() / n];
    for (int r = 0; r < y.length; r++) {
      double squares = 0;
      for (int i = r * n; i < (r + 1) * n; i++) {
        squares += (double) x.reals()[i] * x.reals()[i];
      }
      y[r] = (float) Math.sqrt(squares);
    }
    final int[] shape = x.shape().clone();
    shape[shape.length - 1] = 1;
    return OnnxValue.reals(y, shape);
  }

  private static OnnxValue softmax(OnnxValue x) {
    final int n = x.last();
    final float[] y = new float[x.length()];
    for (int from = 0; from < y.length; from += n) {
      float top = Float.NEGATIVE_INFINITY;
      for (int i = from; i < from + n; i++) {
        top = Math.max(top, x.reals()[i]);
      }
      double sum = 0;
      for (int i = from; i < from + n; i++) {
        y[i] = (float) Math.exp(x.reals()[i] - top);
        sum += y[i];
      }
      for (int i = from; i < from + n; i++) {
        y[i] = (float) (y[i] / sum);
      }
    }
    return OnnxValue.reals(y, x.shape());
  }

  private static OnnxValue norm(NodeProto node, List<OnnxValue> in) {
    final OnnxValue x = in.get(0);
    final float[] weight = in.get(1).reals();
    final float[] bias = in.get(2).reals();
    final double epsilon =
        node.getAttributeList().stream()
            .filter(a -> a.getName().equals("epsilon"))
            .mapToDouble(AttributeProto::getF)
            .findFirst()
            .orElse(1e-5);
    final int n = x.last();
    final float[] y = new float[x.length()];
    for (int from = 0; from < y.length; from += n) {
      double sum = 0;
      for (int i = from; i < from + n; i++) {
        sum += x.reals()[i];
      }
      final double mean = sum / n;
      double squares = 0;
      for (int i = from; i < from + n; i++) {
        squares += (x.reals()[i] - mean) * (x.reals()[i] - mean);
      }
      final double scale = 1 / Math.sqrt(squares / n + epsilon);
      for (int i = from; i < from + n; i++) {
        y[i] = (float) ((x.reals()[i] - mean) * scale * weight[i - from] + bias[i - from]);
      }
    }
    return OnnxValue.reals(y, x.shape());
  }

  /** [..., m, k] times [k, n], or times [..., k, n] of the same leading dimensions. */
  static OnnxValue product(OnnxValue a, OnnxValue b) {
    final int k = a.last();
    final int n = b.last();
    final boolean shared = b.shape().length == 2;
    final int m = shared ? a.length() / k : a.shape()[a.shape().length - 2];
    final int count = shared ? 1 : a.length() / (m * k);
    final float[] y = new float[count * m * n];
    final float[] left = new float[m * k];
    final float[] right = new float[k * n];
    for (int i = 0; i < count; i++) {
      System.arraycopy(a.reals(), i * m * k, left, 0, m * k);
      System.arraycopy(b.reals(), i * k * n, right, 0, k * n);
      System.arraycopy(multiply(left, right, m, n, k), 0, y, i * m * n, m * n);
    }
    final int[] shape = a.shape().clone();
    shape[shape.length - 1] = n;
    return OnnxValue.reals(y, shape);
  }

  /** [m, k] times [k, n]. */
  static float[] multiply(float[] a, float[] b, int m, int n, int k) {
    final Floats left = Floats.of(Floats.tensor(a, m, k));
    final Floats right = Floats.of(Floats.tensor(b, k, n));
    final Floats result = Floats.zeros(m, n);
    Blas.gemm(
        false,
        false,
        m,
        n,
        k,
        1f,
        new Matrix(left, 0, k),
        new Matrix(right, 0, n),
        0f,
        new Matrix(result, 0, n));
    final float[] y = Floats.toArray(result.array());
    left.close();
    right.close();
    result.close();
    return y;
  }

  private static OnnxValue clip(OnnxValue x, OnnxValue low, OnnxValue high) {
    return each(x, v -> Math.max(low.reals()[0], Math.min(high.reals()[0], v)));
  }
}
