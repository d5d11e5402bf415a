package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Signs with a scale for each group: +scale for a set bit, -scale otherwise. The bits of a row are
 * a little-endian stream, every row starting on a byte. A scale may be 0; it restores to zeros.
 */
public final class BinaryTensor implements CompressedTensor {
  static final String FORM = "binary";

  private final MatrixShape shape;
  private final Groups groups;
  private final GroupFloats scales;
  private final byte[] packed;

  private BinaryTensor(MatrixShape shape, Groups groups, GroupFloats scales, byte[] packed) {
    this.shape = shape;
    this.groups = groups;
    this.scales = scales;
    this.packed = packed;
  }

  /**
   * Signs and scales.
   *
   * @param shape of the tensor; its last dimension are the columns of {@code groups}
   * @param positive [rows x columns], true for +1; a weight of 0 counts as +1. Copied
   * @param scales one a group, finite, already rounded to {@code scaleType}; copied
   * @param scaleType F32 or F16
   */
  public static BinaryTensor of(
      long[] shape, Groups groups, boolean[] positive, float[] scales, SafetensorsType scaleType) {
    final MatrixShape matrix = MatrixShape.of(shape);
    if (groups.rows() != matrix.rows()
        || groups.columns() != matrix.columns()
        || positive.length != matrix.length()) {
      throw new IllegalArgumentException(
          positive.length + " signs and " + groups + " do not fit shape " + matrix);
    }
    final byte[] codes = new byte[positive.length];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) (positive[i] ? 1 : 0);
    }
    return new BinaryTensor(
        matrix,
        groups,
        GroupFloats.of(StoredEntry.SCALES, groups, scales, scaleType),
        PackedCodes.pack(codes, matrix.rows(), matrix.columns(), 1));
  }

  static BinaryTensor decode(Map<String, String> attributes, Map<String, StoredEntry> entries) {
    final FormReader in = new FormReader(FORM, attributes, entries);
    final MatrixShape shape = in.shape();
    final Groups groups = Levels.decodeGroups(in, shape);
    final GroupFloats scales = GroupFloats.decode(in, StoredEntry.SCALES, groups);
    final byte[] packed =
        in.bytes(
            StoredEntry.CODES,
            SafetensorsType.U8,
            shape.rows(),
            PackedCodes.rowBytes(shape.columns(), 1));
    PackedCodes.checkPad(packed, shape.rows(), shape.columns(), 1, StoredEntry.CODES);
    in.finish();
    return new BinaryTensor(shape, groups, scales, packed);
  }

  /** What shares a scale. */
  public Groups groups() {
    return groups;
  }

  /** Scales by group; a copy. */
  public float[] scales() {
    return scales.values();
  }

  /** Sign bits, [rows x ceil(columns / 8)]; a copy. */
  public byte[] packedSigns() {
    return packed.clone();
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
    final byte[] codes =
        PackedCodes.unpack(packed, shape.rows(), shape.columns(), 1, StoredEntry.CODES);
    final float[] values = new float[codes.length];
    for (int r = 0, i = 0; r < shape.rows(); r++) {
      for (int c = 0; c < shape.columns(); c++, i++) {
        final float scale = scales.at(groups.at(r, c));
        values[i] = codes[i] == 1 ? scale : -scale;
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
    final long[] packedShape = {shape.rows(), PackedCodes.rowBytes(shape.columns(), 1)};
    return List.of(
        new StoredEntry(StoredEntry.CODES, SafetensorsType.U8, packedShape, packed),
        scales.entry());
  }
}
