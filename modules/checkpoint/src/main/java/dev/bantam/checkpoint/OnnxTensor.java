package dev.bantam.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Optional;
import onnx.Onnx;
import org.nd4j.shade.protobuf.ByteString;

/**
 * A tensor stored in an ONNX file or beside it. Nothing is allocated for its values before {@link
 * #problem()} found that they are there.
 */
final class OnnxTensor {
  private final String name;
  private final Onnx.TensorProto proto;
  private final OnnxExternalData external;

  /**
   * @param name the value that a graph knows it by
   */
  OnnxTensor(String name, Onnx.TensorProto proto, OnnxExternalData external) {
    this.name = name;
    this.proto = proto;
    this.external = external;
  }

  /** A vector of zeros that no file holds. */
  static OnnxTensor zeros(long length) {
    final byte[] bytes = new byte[Math.toIntExact(Math.multiplyExact(length, Float.BYTES))];
    return new OnnxTensor(
        "",
        Onnx.TensorProto.newBuilder()
            .addDims(length)
            .setDataType(Onnx.TensorProto.DataType.FLOAT_VALUE)
            .setRawData(ByteString.copyFrom(bytes))
            .build(),
        new OnnxExternalData(Optional.empty()));
  }

  String name() {
    return name;
  }

  long[] shape() {
    return proto.getDimsList().stream().mapToLong(Long::longValue).toArray();
  }

  /** Number of elements; a shape that no file can hold counts as the largest number. */
  long elements() {
    if (proto.getDimsList().stream().anyMatch(d -> d < 0)) {
      return Long.MAX_VALUE;
    }
    try {
      return SafetensorsEntry.elements(proto.getDimsList());
    } catch (ArithmeticException e) {
      return Long.MAX_VALUE;
    }
  }

  /** Whether the elements are floating point numbers of a width that can be read. */
  boolean isFloat() {
    return switch (proto.getDataType()) {
      case Onnx.TensorProto.DataType.FLOAT_VALUE,
          Onnx.TensorProto.DataType.DOUBLE_VALUE,
          Onnx.TensorProto.DataType.FLOAT16_VALUE,
          Onnx.TensorProto.DataType.BFLOAT16_VALUE ->
          true;
      default -> false;
    };
  }

  /** As {@link #problem()} for a parameter, which must be floating point. */
  Optional<String> floatProblem() {
    return isFloat() ? problem() : wrongType();
  }

  /** What keeps the values from being read, a sentence without the tensor's name; or empty. */
  Optional<String> problem() {
    if (bytesPerElement() == 0) {
      return wrongType();
    }
    if (elements() > Integer.MAX_VALUE / bytesPerElement()) {
      return Optional.of(
          "claims the shape " + proto.getDimsList() + ", more than 2 GiB, or no shape at all");
    }
    if (isExternal()) {
      return external.problem(proto, elements() * bytesPerElement());
    }
    return elements() == present()
        ? Optional.empty()
        : Optional.of(
            "does not hold as many values as its shape "
                + proto.getDimsList()
                + " says: "
                + present()
                + " are there");
  }

  private Optional<String> wrongType() {
    final Onnx.TensorProto.DataType type = Onnx.TensorProto.DataType.forNumber(proto.getDataType());
    return Optional.of(
        "is "
            + (type == null ? "of the unknown type " + proto.getDataType() : type.toString())
            + "; FLOAT, FLOAT16, BFLOAT16 or DOUBLE is needed");
  }

  private boolean isExternal() {
    return proto.getDataLocation() == Onnx.TensorProto.DataLocation.EXTERNAL;
  }

  /** 0 for types that are not read. */
  private int bytesPerElement() {
    return switch (proto.getDataType()) {
      case Onnx.TensorProto.DataType.FLOAT_VALUE -> Float.BYTES;
      case Onnx.TensorProto.DataType.DOUBLE_VALUE, Onnx.TensorProto.DataType.INT64_VALUE ->
          Double.BYTES;
      case Onnx.TensorProto.DataType.FLOAT16_VALUE, Onnx.TensorProto.DataType.BFLOAT16_VALUE ->
          Short.BYTES;
      default -> 0;
    };
  }

  /** Number of values inside the file, -1 if its bytes do not end at an element. */
  private long present() {
    if (proto.getRawData().isEmpty()) {
      return switch (proto.getDataType()) {
        case Onnx.TensorProto.DataType.FLOAT_VALUE -> proto.getFloatDataCount();
        case Onnx.TensorProto.DataType.DOUBLE_VALUE -> proto.getDoubleDataCount();
        case Onnx.TensorProto.DataType.INT64_VALUE -> proto.getInt64DataCount();
        default -> proto.getInt32DataCount();
      };
    }
    final int bytes = proto.getRawData().size();
    return bytes % bytesPerElement() == 0 ? bytes / bytesPerElement() : -1;
  }

  /** The values of a tensor of a readable type without {@link #problem()}, in C order. */
  FloatTensors.Source floats() {
    final ByteBuffer raw = raw();
    if (proto.getDataType() == Onnx.TensorProto.DataType.FLOAT_VALUE && raw.hasRemaining()) {
      final FloatBuffer floats = raw.asFloatBuffer();
      return (from, tile, count) -> floats.position((int) from).get(tile, 0, count);
    }
    final boolean inRaw = raw.hasRemaining();
    return (from, tile, count) -> {
      raw.position(inRaw ? (int) from * bytesPerElement() : 0);
      for (int i = 0; i < count; i++) {
        tile[i] = (float) (inRaw ? next(raw) : repeated((int) from + i));
      }
    };
  }

  /** The values of a tensor of at most {@code limit} elements, numbers of any readable type. */
  Optional<double[]> small(int limit) {
    if (elements() > limit || problem().isPresent()) {
      return Optional.empty();
    }
    final double[] values = new double[(int) elements()];
    final ByteBuffer raw = raw();
    for (int i = 0; i < values.length; i++) {
      values[i] = raw.hasRemaining() ? next(raw) : repeated(i);
    }
    return Optional.of(values);
  }

  private ByteBuffer raw() {
    final ByteBuffer bytes =
        isExternal()
            ? external.map(proto, elements() * bytesPerElement())
            : proto.getRawData().asReadOnlyByteBuffer();
    return bytes.order(ByteOrder.LITTLE_ENDIAN);
  }

  private double next(ByteBuffer raw) {
    return switch (proto.getDataType()) {
      case Onnx.TensorProto.DataType.FLOAT_VALUE -> raw.getFloat();
      case Onnx.TensorProto.DataType.DOUBLE_VALUE -> raw.getDouble();
      case Onnx.TensorProto.DataType.INT64_VALUE -> raw.getLong();
      case Onnx.TensorProto.DataType.FLOAT16_VALUE -> HalfFloats.fromHalf(raw.getShort());
      default -> HalfFloats.fromBfloat(raw.getShort());
    };
  }

  private double repeated(int i) {
    return switch (proto.getDataType()) {
      case Onnx.TensorProto.DataType.FLOAT_VALUE -> proto.getFloatData(i);
      case Onnx.TensorProto.DataType.DOUBLE_VALUE -> proto.getDoubleData(i);
      case Onnx.TensorProto.DataType.INT64_VALUE -> proto.getInt64Data(i);
      case Onnx.TensorProto.DataType.FLOAT16_VALUE ->
          HalfFloats.fromHalf((short) proto.getInt32Data(i));
      default -> HalfFloats.fromBfloat((short) proto.getInt32Data(i));
    };
  }
}
