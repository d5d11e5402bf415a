package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.GroupedTensor.Zero;
import dev.bantam.tensor.BantamException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * What the k-bit codes of each group stand for.
 *
 * <p>Codes are stored unsigned, {@code u = q + 2^(k-1)} in [0, 2^k). In float32 arithmetic, one
 * rounding an operation, a code restores to {@code (u - z) * s} with the scale {@code s} of its
 * group and {@code z} its zero point, 2^(k-1) if there is none; or to {@code u * s + o} with an
 * offset {@code o}.
 */
final class Levels {
  private final int bits;
  private final Groups groups;
  private final Zero zero;
  private final GroupFloats scales;

  /** Stored zero points by group, in [0, 2^k); null unless they are integers. */
  private final byte[] zeroPoints;

  /** Null unless there are offsets. */
  private final GroupFloats offsets;

  private Levels(
      int bits,
      Groups groups,
      Zero zero,
      GroupFloats scales,
      byte[] zeroPoints,
      GroupFloats offsets) {
    this.bits = bits;
    this.groups = groups;
    this.zero = zero;
    this.scales = scales;
    this.zeroPoints = zeroPoints;
    this.offsets = offsets;
  }

  static Levels symmetric(int bits, Groups groups, GroupFloats scales) {
    return new Levels(requireBits(bits), groups, Zero.NONE, nonZero(scales), null, null);
  }

  /**
   * @param signed zero points by group, in [-2^(bits-1), 2^(bits-1))
   */
  static Levels affine(int bits, Groups groups, GroupFloats scales, byte[] signed) {
    if (signed.length != groups.count()) {
      throw new IllegalArgumentException(
          signed.length + " zero points for " + groups.count() + " groups");
    }
    return new Levels(
        requireBits(bits), groups, Zero.INTEGER, nonZero(scales), unsigned(signed, bits), null);
  }

  static Levels withOffsets(int bits, Groups groups, GroupFloats scales, GroupFloats offsets) {
    return new Levels(requireBits(bits), groups, Zero.OFFSET, nonZero(scales), null, offsets);
  }

  private static int requireBits(int bits) {
    if (bits < 1 || bits > 8) {
      throw new IllegalArgumentException("Codes have 1 to 8 bits, not " + bits);
    }
    return bits;
  }

  private static GroupFloats nonZero(GroupFloats scales) {
    Objects.requireNonNull(scales, "scales");
    if (scales.hasZero()) {
      throw new IllegalArgumentException("A scale is 0; a group of zeros has scale 1 and codes 0");
    }
    return scales;
  }

  /** Reads the attributes {@code bits}, {@code group} and {@code zero} and the group entries. */
  static Levels decode(FormReader in, MatrixShape shape) {
    final int bits = in.integer("bits", 1, 8);
    final Groups groups = decodeGroups(in, shape);
    final Zero zero = in.choice("zero", Zero.class);
    final GroupFloats scales = GroupFloats.decode(in, StoredEntry.SCALES, groups);
    if (scales.hasZero()) {
      throw BantamException.badInput("its entry '.scales' holds a 0, which restores nothing.");
    }
    return switch (zero) {
      case NONE -> new Levels(bits, groups, zero, scales, null, null);
      case INTEGER ->
          new Levels(bits, groups, zero, scales, decodeZeroPoints(in, bits, groups), null);
      case OFFSET ->
          new Levels(
              bits,
              groups,
              zero,
              scales,
              null,
              GroupFloats.decode(in, StoredEntry.OFFSETS, groups));
    };
  }

  /** Reads the attribute {@code group}, e.g. {@code 1,128}. */
  static Groups decodeGroups(FormReader in, MatrixShape shape) {
    final String text = in.text("group");
    final String[] parts = text.split(",", -1);
    try {
      if (parts.length != 2) {
        throw new IllegalArgumentException(parts.length + " numbers");
      }
      return new Groups(
          shape.rows(), shape.columns(), Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
    } catch (IllegalArgumentException e) {
      throw BantamException.badInput(
          "its attribute 'group' is '"
              + text
              + "', not the rows and columns of a group within "
              + shape
              + ", such as '1,128'.",
          e);
    }
  }

  private static byte[] decodeZeroPoints(FormReader in, int bits, Groups groups) {
    final byte[] packed =
        in.bytes(
            StoredEntry.ZERO_POINTS, SafetensorsType.U8, BitWriter.bytes(groups.count(), bits));
    return PackedCodes.unpack(packed, 1, groups.count(), bits, StoredEntry.ZERO_POINTS);
  }

  /** {@code q + 2^(bits-1)} of every code. */
  static byte[] unsigned(byte[] signed, int bits) {
    final int half = 1 << (bits - 1);
    final byte[] codes = new byte[signed.length];
    for (int i = 0; i < codes.length; i++) {
      if (signed[i] < -half || signed[i] >= half) {
        throw new IllegalArgumentException(
            "Code " + signed[i] + " at " + i + " is beyond " + bits + " bits");
      }
      codes[i] = (byte) (signed[i] + half);
    }
    return codes;
  }

  /** The inverse of {@link #unsigned}. */
  static byte[] signed(byte[] unsigned, int bits) {
    final byte[] codes = new byte[unsigned.length];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) ((unsigned[i] & 0xff) - (1 << (bits - 1)));
    }
    return codes;
  }

  int bits() {
    return bits;
  }

  Groups groups() {
    return groups;
  }

  Zero zero() {
    return zero;
  }

  SafetensorsType scaleType() {
    return scales.type();
  }

  float[] scales() {
    return scales.values();
  }

  byte[] zeroPoints() {
    return zeroPoints == null ? new byte[0] : signed(zeroPoints, bits);
  }

  float[] offsets() {
    return offsets == null ? new float[0] : offsets.values();
  }

  /** What a stored code of a group restores to. */
  float value(int code, int group) {
    final float scale = scales.at(group);
    return zero == Zero.OFFSET
        ? code * scale + offsets.at(group)
        : (code - zeroCode(group)) * scale;
  }

  /** The stored code that restores to zero; there is none with offsets. */
  int zeroCode(int group) {
    return zeroPoints == null ? 1 << (bits - 1) : zeroPoints[group] & 0xff;
  }

  Map<String, String> attributes() {
    final Map<String, String> attributes = new LinkedHashMap<>();
    attributes.put("bits", Integer.toString(bits));
    attributes.put("group", groups.height() + "," + groups.width());
    attributes.put("zero", zero.name().toLowerCase(Locale.ROOT));
    return attributes;
  }

  List<StoredEntry> entries() {
    final List<StoredEntry> entries = new ArrayList<>();
    entries.add(scales.entry());
    if (zeroPoints != null) {
      final byte[] packed = PackedCodes.pack(zeroPoints, 1, zeroPoints.length, bits);
      entries.add(
          new StoredEntry(
              StoredEntry.ZERO_POINTS, SafetensorsType.U8, new long[] {packed.length}, packed));
    }
    if (offsets != null) {
      entries.add(offsets.entry());
    }
    return entries;
  }
}
