package dev.bantam.export.onnx;

import java.util.Arrays;
import java.util.List;
import onnx.Onnx.NodeProto;

/** The operators of ONNX that make codes of numbers, numbers of codes, or multiply codes. */
final class QuantizedOperators {
  /** Inner steps for which sums of products of 8-bit integers stay exact in float32. */
  private static final int EXACT = 256;

  private QuantizedOperators() {}

  /** uint8 codes, scale and zero point of the whole tensor; its range includes 0. */
  static List<OnnxValue> quantize(OnnxValue x) {
    float low = 0;
    float high = 0;
    for (float value : x.reals()) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    final float scale = high == low ? 1f : (high - low) / 255f;
    final float zero = Math.max(0f, Math.min(255f, (float) Math.rint(-low / scale)));
    final byte[] codes = new byte[x.length()];
    for (int i = 0; i < codes.length; i++) {
      final double code = Math.rint(x.reals()[i] / scale) + zero;
      codes[i] = (byte) (int) Math.max(0, Math.min(255, code));
    }
    return List.of(
        OnnxValue.bytes(codes, true, x.shape()),
        OnnxValue.reals(new float[] {scale}),
        OnnxValue.bytes(new byte[] {(byte) (int) zero}, true));
  }

  /** uint8 or int8 codes with one scale and zero point, added after the rounding. */
  static OnnxValue codes(OnnxValue x, OnnxValue scale, OnnxValue zero) {
    final int low = zero.unsigned() ? 0 : Byte.MIN_VALUE;
    final byte[] codes = new byte[x.length()];
    for (int i = 0; i < codes.length; i++) {
      final double code = Math.rint(x.reals()[i] / scale.reals()[0]) + zero.whole(0);
      codes[i] = (byte) (int) Math.max(low, Math.min(low + 255, code));
    }
    return OnnxValue.bytes(codes, zero.unsigned(), x.shape());
  }

  /** (q - z) s, with one number for all or one for each element along an axis. */
  static OnnxValue restored(NodeProto node, OnnxValue codes, OnnxValue scale, OnnxValue zero) {
    final int axis = OnnxOperators.integer(node, "axis", 1);
    final int inner =
        scale.length() == 1
            ? codes.length()
            : OnnxOperators.elements(
                Arrays.copyOfRange(codes.shape(), axis + 1, codes.shape().length));
    final float[] values = new float[codes.length()];
    for (int i = 0; i < values.length; i++) {
      final int at = i / inner % scale.length();
      values[i] = (codes.whole(i) - zero.whole(at)) * scale.reals()[at];
    }
    return OnnxValue.reals(values, codes.shape());
  }

  /** (A - a) (B - b): b is one number or one for each column. */
  static OnnxValue integerProduct(List<OnnxValue> in) {
    final OnnxValue a = in.get(0);
    final OnnxValue b = in.get(1);
    final int zeroA = in.size() > 2 ? in.get(2).whole(0) : 0;
    final int k = a.last();
    final int n = b.last();
    final int m = a.length() / k;
    if (a.reals() != null) {
      return OnnxOperators.product(a, OnnxValue.reals(shifted(in, 0, k), k, n)); // unrounded, a = 0
    }
    final long[] sums = new long[m * n];
    for (int from = 0; from < k; from += EXACT) {
      final int width = Math.min(EXACT, k - from);
      final float[] left = new float[m * width];
      for (int i = 0; i < left.length; i++) {
        left[i] = a.whole(i / width * k + from + i % width) - zeroA;
      }
      final float[] part = OnnxOperators.multiply(left, shifted(in, from, width), m, n, width);
      for (int i = 0; i < sums.length; i++) {
        sums[i] += (long) part[i];
      }
    }
    final int[] shape = a.shape().clone();
    shape[shape.length - 1] = n;
    return OnnxValue.wholes(sums, shape);
  }

  /** Rows of B - b, as float32. */
  private static float[] shifted(List<OnnxValue> in, int from, int rows) {
    final OnnxValue b = in.get(1);
    final int n = b.last();
    final float[] values = new float[rows * n];
    for (int i = 0; i < values.length; i++) {
      final int zero = in.size() > 3 ? in.get(3).whole(in.get(3).length() == 1 ? 0 : i % n) : 0;
      values[i] = b.whole(from * n + i) - zero;
    }
    return values;
  }

  static OnnxValue blockProduct(NodeProto node, List<OnnxValue> in) {
    final int k = OnnxOperators.integer(node, "K", 0);
    final int n = OnnxOperators.integer(node, "N", 0);
    final int bits = OnnxOperators.integer(node, "bits", 4);
    final int block = OnnxOperators.integer(node, "block_size", 0);
    final int blocks = (k + block - 1) / block;
    final int rowBytes = blocks * block * bits / 8;
    final int zeroBytes = (blocks * bits + 7) / 8;
    final float[] weight = new float[k * n]; // [k, n]
    for (int row = 0; row < n; row++) {
      for (int i = 0; i < k; i++) {
        final int b = i / block;
        final int zero =
            in.size() > 3 ? code(in.get(3), row * zeroBytes, b, bits) : 1 << (bits - 1);
        weight[i * n + row] =
            (code(in.get(1), row * rowBytes, i, bits) - zero) * in.get(2).reals()[row * blocks + b];
      }
    }
    return OnnxOperators.product(in.get(0), OnnxValue.reals(weight, k, n));
  }

  /** Code i of a stream that starts at a byte. */
  private static int code(OnnxValue stream, int start, int i, int bits) {
    final int bit = i * bits;
    return stream.whole(start + bit / 8) >> bit % 8 & (1 << bits) - 1;
  }
}
