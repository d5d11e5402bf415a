package dev.bantam.compression;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Every value as a floating point number, F32 or F16. */
public final class DenseTensor implements CompressedTensor {
  static final String FORM = "dense";

  private final SafetensorsType type;
  private final long[] shape;
  private final byte[] bytes;

  private DenseTensor(SafetensorsType type, long[] shape, byte[] bytes) {
    this.type = type;
    this.shape = shape;
    this.bytes = bytes;
  }

  /** The tensor as it is; a copy. */
  public static DenseTensor float32(INDArray tensor) {
    return of(tensor, SafetensorsType.F32);
  }

  /**
   * A copy of the tensor, each value rounded to the nearest of its type.
   *
   * @param tensor float32, C order
   * @param type F32 or F16
   */
  public static DenseTensor of(INDArray tensor, SafetensorsType type) {
    return new DenseTensor(
        requireFloat(type), tensor.shape(), toBytes(Floats.toArray(tensor), type));
  }

  static DenseTensor decode(Map<String, String> attributes, Map<String, StoredEntry> entries) {
    final FormReader in = new FormReader(FORM, attributes, entries);
    final StoredEntry whole = in.entry(StoredEntry.WHOLE);
    if (whole.type() != SafetensorsType.F32 && whole.type() != SafetensorsType.F16) {
      throw BantamException.badInput("a dense tensor is F32 or F16, not " + whole.type() + ".");
    }
    in.finish();
    return new DenseTensor(whole.type(), whole.shape(), whole.bytes());
  }

  static SafetensorsType requireFloat(SafetensorsType type) {
    if (type != SafetensorsType.F32 && type != SafetensorsType.F16) {
      throw new IllegalArgumentException("Values are stored as F32 or F16, not " + type);
    }
    return type;
  }

  /** Little-endian bytes of values rounded to a type. */
  static byte[] toBytes(float[] values, SafetensorsType type) {
    final ByteBuffer out =
        ByteBuffer.allocate(Math.multiplyExact(values.length, type.bits() / 8))
            .order(ByteOrder.LITTLE_ENDIAN);
    if (type == SafetensorsType.F32) {
      out.asFloatBuffer().put(values);
    } else {
      for (float value : values) {
        out.putShort(HalfFloats.toHalf(value));
      }
    }
    return out.array();
  }

  /** The inverse of {@link #toBytes}. */
  static float[] toFloats(byte[] bytes, SafetensorsType type) {
    final ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    final float[] values = new float[bytes.length / (type.bits() / 8)];
    if (type == SafetensorsType.F32) {
      in.asFloatBuffer().get(values);
    } else {
      for (int i = 0; i < values.length; i++) {
        values[i] = HalfFloats.fromHalf(in.getShort());
      }
    }
    return values;
  }

  @Override
  public String form() {
    return FORM;
  }

  @Override
  public long[] shape() {
    return shape.clone();
  }

  @Override
  public INDArray dense() {
    return Floats.tensor(toFloats(bytes, type), shape);
  }

  @Override
  public Map<String, String> attributes() {
    return Map.of();
  }

  @Override
  public List<StoredEntry> encode() {
    return List.of(new StoredEntry(StoredEntry.WHOLE, type, shape.clone(), bytes));
  }
}
