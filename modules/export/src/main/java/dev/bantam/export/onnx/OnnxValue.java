package dev.bantam.export.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import onnx.Onnx.TensorProto;
import onnx.Onnx.TensorProto.DataType;

/**
 * A tensor while a graph is interpreted: float32 values, or integers of any width.
 *
 * @param shape dimensions; empty for one number
 * @param reals values of a float tensor, else null
 * @param wholes values of an int32 or int64 tensor, else null
 * @param bytes values of an int8 or uint8 tensor, else null
 * @param unsigned whether the bytes are uint8
 */
@SuppressWarnings("ArrayRecordComponent") // values, compared by nobody
record OnnxValue(int[] shape, float[] reals, long[] wholes, byte[] bytes, boolean unsigned) {
  static OnnxValue reals(float[] values, int... shape) {
    return new OnnxValue(shape, values, null, null, false);
  }

  static OnnxValue wholes(long[] values, int... shape) {
    return new OnnxValue(shape, null, values, null, false);
  }

  static OnnxValue bytes(byte[] values, boolean unsigned, int... shape) {
    return new OnnxValue(shape, null, null, values, unsigned);
  }

  /** A stored tensor; its data are raw, as {@link GraphBuilder} writes them. */
  static OnnxValue of(TensorProto tensor) {
    final int[] shape = tensor.getDimsList().stream().mapToInt(Math::toIntExact).toArray();
    final ByteBuffer raw =
        tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    switch (tensor.getDataType()) {
      case DataType.FLOAT_VALUE -> {
        final float[] values = new float[raw.remaining() / Float.BYTES];
        raw.asFloatBuffer().get(values);
        return reals(values, shape);
      }
      case DataType.INT64_VALUE -> {
        final long[] values = new long[raw.remaining() / Long.BYTES];
        raw.asLongBuffer().get(values);
        return wholes(values, shape);
      }
      case DataType.INT8_VALUE, DataType.UINT8_VALUE -> {
        final byte[] values = new byte[raw.remaining()];
        raw.get(values);
        return bytes(values, tensor.getDataType() == DataType.UINT8_VALUE, shape);
      }
      default ->
          throw new IllegalStateException(
              "'" + tensor.getName() + "' has the type " + tensor.getDataType());
    }
  }

  /** Number of elements. */
  int length() {
    return reals != null ? reals.length : wholes != null ? wholes.length : bytes.length;
  }

  /** An integer element. */
  int whole(int i) {
    return wholes != null ? Math.toIntExact(wholes[i]) : unsigned ? bytes[i] & 0xff : bytes[i];
  }

  /** Integers as float32. */
  OnnxValue toReals() {
    if (reals != null) {
      return this;
    }
    final float[] values = new float[length()];
    for (int i = 0; i < values.length; i++) {
      values[i] = whole(i);
    }
    return reals(values, shape);
  }

  /** The same elements under another shape. */
  OnnxValue as(int... other) {
    return new OnnxValue(other, reals, wholes, bytes, unsigned);
  }

  /** Elements in another order: element i of the result is element {@code from[i]} of this. */
  OnnxValue pick(int[] from, int... other) {
    if (reals != null) {
      final float[] values = new float[from.length];
      for (int i = 0; i < from.length; i++) {
        values[i] = reals[from[i]];
      }
      return reals(values, other);
    }
    if (wholes != null) {
      return wholes(Arrays.stream(from).mapToLong(i -> wholes[i]).toArray(), other);
    }
    final byte[] values = new byte[from.length];
    for (int i = 0; i < from.length; i++) {
      values[i] = bytes[from[i]];
    }
    return bytes(values, unsigned, other);
  }

  /** Last dimension; 1 for one number. */
  int last() {
    return shape.length == 0 ? 1 : shape[shape.length - 1];
  }
}
