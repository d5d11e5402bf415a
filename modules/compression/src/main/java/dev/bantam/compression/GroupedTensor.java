package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Integer codes of k bits, k in 1..8, with a scale for each group and perhaps a zero point or an
 * offset.
 *
 * <p>Restored values, in float32 with one rounding an operation, for the signed code {@code q} of
 * an element and the numbers of its group: {@code q * scale}; or {@code (q - zeroPoint) * scale};
 * or {@code (q + 2^(k-1)) * scale + offset}. Stored is {@code q + 2^(k-1)} as a dense little-endian
 * bit stream a row, every row starting on a byte.
 */
public final class GroupedTensor implements CompressedTensor {
  static final String FORM = "grouped";

  private final MatrixShape shape;
  private final Levels levels;
  private final byte[] packed;

  /** How zero is represented. */
  public enum Zero {
    /** By code 0. */
    NONE,
    /** By an integer zero point a group. */
    INTEGER,
    /** In general not at all: each group has a floating point offset. */
    OFFSET
  }

  private GroupedTensor(MatrixShape shape, Levels levels, byte[] packed) {
    this.shape = shape;
    this.levels = levels;
    this.packed = packed;
  }

  /**
   * Codes around zero.
   *
   * @param shape of the tensor; its last dimension are the columns of {@code groups}
   * @param bits width of a code, 1..8
   * @param codes [rows x columns] in [-2^(bits-1), 2^(bits-1)); copied
   * @param scales one a group, finite, not 0, already rounded to {@code scaleType}; copied
   * @param scaleType F32 or F16
   */
  public static GroupedTensor symmetric(
      long[] shape,
      int bits,
      Groups groups,
      byte[] codes,
      float[] scales,
      SafetensorsType scaleType) {
    return of(shape, codes, Levels.symmetric(bits, groups, scales(groups, scales, scaleType)));
  }

  /**
   * Codes around a zero point.
   *
   * @param zeroPoints one a group, in the range of the codes; copied
   * @see #symmetric
   */
  public static GroupedTensor affine(
      long[] shape,
      int bits,
      Groups groups,
      byte[] codes,
      float[] scales,
      byte[] zeroPoints,
      SafetensorsType scaleType) {
    return of(
        shape, codes, Levels.affine(bits, groups, scales(groups, scales, scaleType), zeroPoints));
  }

  /**
   * Codes above an offset: the lowest code restores to the offset itself.
   *
   * @param offsets one a group, finite, already rounded to {@code scaleType}; copied
   * @see #symmetric
   */
  public static GroupedTensor withOffsets(
      long[] shape,
      int bits,
      Groups groups,
      byte[] codes,
      float[] scales,
      float[] offsets,
      SafetensorsType scaleType) {
    return of(
        shape,
        codes,
        Levels.withOffsets(
            bits,
            groups,
            scales(groups, scales, scaleType),
            GroupFloats.of(StoredEntry.OFFSETS, groups, offsets, scaleType)));
  }

  private static GroupFloats scales(Groups groups, float[] scales, SafetensorsType type) {
    return GroupFloats.of(StoredEntry.SCALES, groups, scales, type);
  }

  private static GroupedTensor of(long[] dimensions, byte[] codes, Levels levels) {
    final MatrixShape shape = MatrixShape.of(dimensions);
    final Groups groups = levels.groups();
    if (groups.rows() != shape.rows()
        || groups.columns() != shape.columns()
        || codes.length != shape.length()) {
      throw new IllegalArgumentException(
          codes.length + " codes and " + groups + " do not fit shape " + shape);
    }
    return ofUnsigned(shape, levels, Levels.unsigned(codes, levels.bits()));
  }

  /** From stored codes, in [0, 2^bits). */
  static GroupedTensor ofUnsigned(MatrixShape shape, Levels levels, byte[] codes) {
    return new GroupedTensor(
        shape, levels, PackedCodes.pack(codes, shape.rows(), shape.columns(), levels.bits()));
  }

  static GroupedTensor decode(Map<String, String> attributes, Map<String, StoredEntry> entries) {
    final FormReader in = new FormReader(FORM, attributes, entries);
    final MatrixShape shape = in.shape();
    final Levels levels = Levels.decode(in, shape);
    final byte[] packed =
        in.bytes(
            StoredEntry.CODES,
            SafetensorsType.U8,
            shape.rows(),
            PackedCodes.rowBytes(shape.columns(), levels.bits()));
    PackedCodes.checkPad(packed, shape.rows(), shape.columns(), levels.bits(), StoredEntry.CODES);
    in.finish();
    return new GroupedTensor(shape, levels, packed);
  }

  /** Width of a code, 1..8. */
  public int bits() {
    return levels.bits();
  }

  /** What shares a scale. */
  public Groups groups() {
    return levels.groups();
  }

  /** How zero is represented. */
  public Zero zero() {
    return levels.zero();
  }

  /** F32 or F16. */
  public SafetensorsType scaleType() {
    return levels.scaleType();
  }

  /** Signed codes, [rows x columns]; a copy. */
  public byte[] codes() {
    return Levels.signed(unsignedCodes(), levels.bits());
  }

  /** Scales by group; a copy. */
  public float[] scales() {
    return levels.scales();
  }

  /** Signed zero points by group, empty unless they are {@link Zero#INTEGER}; a copy. */
  public byte[] zeroPoints() {
    return levels.zeroPoints();
  }

  /** Offsets by group, empty unless there are any; a copy. */
  public float[] offsets() {
    return levels.offsets();
  }

  byte[] unsignedCodes() {
    return PackedCodes.unpack(
        packed, shape.rows(), shape.columns(), levels.bits(), StoredEntry.CODES);
  }

  Levels levels() {
    return levels;
  }

  MatrixShape matrixShape() {
    return shape;
  }

  /**
   * The same codes and scales with some elements set to zero.
   *
   * @param kept [rows x columns], false where the element becomes zero
   * @throws IllegalStateException if zero cannot be represented
   */
  public GroupedTensor masked(boolean[] kept) {
    if (levels.zero() == Zero.OFFSET) {
      throw new IllegalStateException("Codes with an offset have no zero");
    }
    final byte[] codes = unsignedCodes();
    for (int r = 0, i = 0; r < shape.rows(); r++) {
      for (int c = 0; c < shape.columns(); c++, i++) {
        if (!kept[i]) {
          codes[i] = (byte) levels.zeroCode(levels.groups().at(r, c));
        }
      }
    }
    return ofUnsigned(shape, levels, codes);
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
    final byte[] codes = unsignedCodes();
    final float[] values = new float[codes.length];
    for (int r = 0, i = 0; r < shape.rows(); r++) {
      for (int c = 0; c < shape.columns(); c++, i++) {
        values[i] = levels.value(codes[i] & 0xff, levels.groups().at(r, c));
      }
    }
    return Floats.tensor(values, shape.dimensions());
  }

  @Override
  public Map<String, String> attributes() {
    final Map<String, String> attributes = new LinkedHashMap<>();
    attributes.put("shape", shape.text());
    attributes.putAll(levels.attributes());
    return attributes;
  }

  @Override
  public List<StoredEntry> encode() {
    final List<StoredEntry> entries = new ArrayList<>();
    final long[] packedShape = {shape.rows(), PackedCodes.rowBytes(shape.columns(), levels.bits())};
    entries.add(new StoredEntry(StoredEntry.CODES, SafetensorsType.U8, packedShape, packed));
    entries.addAll(levels.entries());
    return entries;
  }
}
