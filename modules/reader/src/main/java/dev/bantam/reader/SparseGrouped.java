package dev.bantam.reader;

import java.io.IOException;

/**
 * Integer codes of the elements that are not zero, in one stream, and which elements those are.
 *
 * @param kept how many there are; -1 where the mask alone says so
 */
record SparseGrouped(
    int bits,
    Groups groups,
    Positions positions,
    int kept,
    Entry codes,
    Entry scales,
    ZeroPoints zeroPoints,
    Place place)
    implements Stored {
  static SparseGrouped of(Matrix matrix, Attributes attributes, Parts parts, Place place)
      throws PackedModelException {
    final int bits = (int) attributes.integer("bits", 1, 8);
    final Groups groups = Groups.of(matrix, attributes, place);
    final ZeroPoints zeroPoints = zeroPoints(attributes.text("zero"), parts, bits, groups);
    final Entry scales = groups.entry(parts, ".scales");
    if (!attributes.has("gap-bits")) {
      final Positions mask = Positions.masked(attributes, parts, matrix, place);
      final Entry codes = parts.byteList(".codes");
      return new SparseGrouped(bits, groups, mask, -1, codes, scales, zeroPoints, place);
    }
    final Positions gaps = Positions.gapped(attributes, parts, matrix, place);
    final int kept = (int) attributes.integer("kept", 0, matrix.elements());
    final Entry codes = parts.bytes(".codes", BitStream.bytes(kept, bits));
    return new SparseGrouped(bits, groups, gaps, kept, codes, scales, zeroPoints, place);
  }

  private static ZeroPoints zeroPoints(String zero, Parts parts, int bits, Groups groups)
      throws PackedModelException {
    return switch (zero) {
      case "none" -> ZeroPoints.none(bits, groups);
      case "integer" -> ZeroPoints.of(parts, bits, groups);
      default ->
          throw groups
              .place()
              .refuse("the attribute 'zero' is '%s', and may be none or integer", zero);
    };
  }

  @Override
  public Form form() {
    return Form.SPARSE_GROUPED;
  }

  @Override
  public long[] shape() {
    return groups.matrix().shape().clone();
  }

  @Override
  public float[] restore() throws IOException {
    final float[] scale = groups.readScales(scales);
    final int[] z = zeroPoints.read();
    final int[] at = storedAt();
    final byte[] bytes = codes.bytes();
    if (bytes.length != BitStream.bytes(at.length, bits)) {
      throw place.refuse(
          "its entry '%s' has %d bytes, and %d codes of %d bits take %d",
          codes.name(), bytes.length, at.length, bits, BitStream.bytes(at.length, bits));
    }
    final BitStream stream = new BitStream(bytes, 0, bytes.length);
    final int half = 1 << (bits - 1);
    final float[] restored = new float[groups.matrix().elements()];
    for (final int element : at) {
      final int g = groups.of(element);
      restored[element] = (stream.take(bits) - half - z[g]) * scale[g];
    }
    if (!stream.endsClean()) {
      throw place.refuse("bits are set in the padding of its entry '%s'", codes.name());
    }
    return restored;
  }

  private int[] storedAt() throws IOException {
    return positions.read(kept < 0 ? positions.count() : kept);
  }
}
