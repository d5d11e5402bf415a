package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Codes -1, 0, +1 with a scale for each group; a code restores to {@code q * scale}.
 *
 * <p>Five codes a byte, 1.6 bits a code: byte = t0 + 3 t1 + 9 t2 + 27 t3 + 81 t4 with t = q + 1,
 * every row starting on a byte, missing codes of its last byte written as t = 0.
 */
public final class TernaryTensor implements CompressedTensor {
  static final String FORM = "ternary";

  private static final int PER_BYTE = 5;
  private static final int[] POWERS = {1, 3, 9, 27, 81};

  private final MatrixShape shape;
  private final Groups groups;
  private final GroupFloats scales;
  private final byte[] packed;

  private TernaryTensor(MatrixShape shape, Groups groups, GroupFloats scales, byte[] packed) {
    this.shape = shape;
    this.groups = groups;
    this.scales = scales;
    this.packed = packed;
  }

  /**
   * Codes and scales.
   *
   * @param shape of the tensor; its last dimension are the columns of {@code groups}
   * @param codes [rows x columns], each -1, 0 or 1; copied
   * @param scales one a group, finite, already rounded to {@code scaleType}; copied
   * @param scaleType F32 or F16
   */
  public static TernaryTensor of(
      long[] shape, Groups groups, byte[] codes, float[] scales, SafetensorsType scaleType) {
    final MatrixShape matrix = MatrixShape.of(shape);
    if (groups.rows() != matrix.rows()
        || groups.columns() != matrix.columns()
        || codes.length != matrix.length()) {
      throw new IllegalArgumentException(
          codes.length + " codes and " + groups + " do not fit shape " + matrix);
    }
    return new TernaryTensor(
        matrix,
        groups,
        GroupFloats.of(StoredEntry.SCALES, groups, scales, scaleType),
        pack(codes, matrix));
  }

  private static int rowBytes(MatrixShape shape) {
    return (shape.columns() + PER_BYTE - 1) / PER_BYTE;
  }

  private static byte[] pack(byte[] codes, MatrixShape shape) {
    final int stride = rowBytes(shape);
    final byte[] packed = new byte[Math.multiplyExact(shape.rows(), stride)];
    for (int r = 0, i = 0; r < shape.rows(); r++) {
      for (int c = 0; c < shape.columns(); c++, i++) {
        if (codes[i] < -1 || codes[i] > 1) {
          throw new IllegalArgumentException("Code " + codes[i] + " at " + i + " is not ternary");
        }
        packed[r * stride + c / PER_BYTE] += (byte) ((codes[i] + 1) * POWERS[c % PER_BYTE]);
      }
    }
    return packed;
  }

  static TernaryTensor decode(Map<String, String> attributes, Map<String, StoredEntry> entries) {
    final FormReader in = new FormReader(FORM, attributes, entries);
    final MatrixShape shape = in.shape();
    final Groups groups = Levels.decodeGroups(in, shape);
    final GroupFloats scales = GroupFloats.decode(in, StoredEntry.SCALES, groups);
    final byte[] packed =
        in.bytes(StoredEntry.CODES, SafetensorsType.U8, shape.rows(), rowBytes(shape));
    checkBytes(packed, shape);
    in.finish();
    return new TernaryTensor(shape, groups, scales, packed);
  }

  private static void checkBytes(byte[] packed, MatrixShape shape) {
    final int stride = rowBytes(shape);
    final int inLast = shape.columns() - (stride - 1) * PER_BYTE;
    for (int i = 0; i < packed.length; i++) {
      final int codes = i % stride == stride - 1 ? inLast : PER_BYTE;
      if ((packed[i] & 0xff) >= POWERS[codes - 1] * 3) {
        throw BantamException.badInput(
            "its entry '.codes' holds "
                + (packed[i] & 0xff)
                + " at byte "
                + i
                + ", which is not "
                + codes
                + " ternary codes.");
      }
    }
  }

  /** Codes -1, 0, 1, [rows x columns]; a copy. */
  public byte[] codes() {
    final int stride = rowBytes(shape);
    final byte[] codes = new byte[shape.length()];
    for (int r = 0, i = 0; r < shape.rows(); r++) {
      for (int c = 0; c < shape.columns(); c++, i++) {
        final int five = packed[r * stride + c / PER_BYTE] & 0xff;
        codes[i] = (byte) (five / POWERS[c % PER_BYTE] % 3 - 1);
      }
    }
    return codes;
  }

  /** What shares a scale. */
  public Groups groups() {
    return groups;
  }

  /** Scales by group; a copy. */
  public float[] scales() {
    return scales.values();
  }

  @Override
  public String form() {
    return FORM;
  }

  @Override
  public long[] shape() {
    return shape.dimensions();
  }

  @Override
  public INDArray dense() {
    final byte[] codes = codes();
    final float[] values = new float[codes.length];
    for (int r = 0, i = 0; r < shape.rows(); r++) {
      for (int c = 0; c < shape.columns(); c++, i++) {
        values[i] = codes[i] * scales.at(groups.at(r, c));
      }
    }
    return Floats.tensor(values, shape.dimensions());
  }

  @Override
  public Map<String, String> attributes() {
    final Map<String, String> attributes = new LinkedHashMap<>();
    attributes.put("shape", shape.text());
    attributes.put("group", groups.height() + "," + groups.width());
    return attributes;
  }

  @Override
  public List<StoredEntry> encode() {
    final long[] packedShape = {shape.rows(), rowBytes(shape)};
    return List.of(
        new StoredEntry(StoredEntry.CODES, SafetensorsType.U8, packedShape, packed),
        scales.entry());
  }
}
