package dev.bantam.reader;

import java.io.IOException;

/**
 * Integer codes {@code q}, stored as {@code u = q + 2^(bits-1)}, worth {@code (q - z) * scale}; or
 * {@code u * scale + offset}.
 *
 * @param offsets null unless there are offsets
 */
record Grouped(
    int bits,
    Groups groups,
    Entry codes,
    Entry scales,
    ZeroPoints zeroPoints,
    Entry offsets,
    Place place)
    implements Stored {
  static Grouped of(Matrix matrix, Attributes attributes, Parts parts, Place place)
      throws PackedModelException {
    final int bits = (int) attributes.integer("bits", 1, 8);
    final Groups groups = Groups.of(matrix, attributes, place);
    final String zero = attributes.text("zero");
    final Entry codes = Rows.entry(parts, matrix, bits);
    final Entry scales = groups.entry(parts, ".scales");
    final ZeroPoints none = ZeroPoints.none(bits, groups);
    return switch (zero) {
      case "none" -> new Grouped(bits, groups, codes, scales, none, null, place);
      case "integer" ->
          new Grouped(bits, groups, codes, scales, ZeroPoints.of(parts, bits, groups), null, place);
      case "offset" ->
          new Grouped(bits, groups, codes, scales, none, groups.entry(parts, ".offsets"), place);
      default ->
          throw place.refuse(
              "the attribute 'zero' is '%s', and may be none, integer or offset", zero);
    };
  }

  @Override
  public Form form() {
    return Form.GROUPED;
  }

  @Override
  public long[] shape() {
    return groups.matrix().shape().clone();
  }

  @Override
  public float[] restore() throws IOException {
    final float[] scale = groups.readScales(scales);
    if (offsets != null) {
      final float[] offset = groups.read(offsets);
      return Rows.restore(codes, bits, groups, place, (u, g) -> u * scale[g] + offset[g]);
    }
    final int[] z = zeroPoints.read();
    final int half = 1 << (bits - 1);
    return Rows.restore(codes, bits, groups, place, (u, g) -> (u - half - z[g]) * scale[g]);
  }
}
