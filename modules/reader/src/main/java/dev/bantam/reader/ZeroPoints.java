package dev.bantam.reader;

import java.io.IOException;

/**
 * One integer a group, in a stream of its own; or none, which is 0 for all of them.
 *
 * @param entry null where there are none
 */
record ZeroPoints(Entry entry, int bits, int groups, Place place) {
  static ZeroPoints none(int bits, Groups groups) {
    return new ZeroPoints(null, bits, groups.count(), groups.place());
  }

  static ZeroPoints of(Parts parts, int bits, Groups groups) throws PackedModelException {
    final long length = BitStream.bytes(groups.count(), bits);
    return new ZeroPoints(
        parts.bytes(".zero_points", length), bits, groups.count(), groups.place());
  }

  /** As they are: {@code z}, from {@code -2^(bits-1)} to {@code 2^(bits-1) - 1}. */
  int[] read() throws IOException {
    final int[] zeros = new int[groups];
    if (entry == null) {
      return zeros;
    }
    final byte[] bytes = entry.bytes();
    final BitStream stream = new BitStream(bytes, 0, bytes.length);
    for (int g = 0; g < zeros.length; g++) {
      zeros[g] = stream.take(bits) - (1 << (bits - 1));
    }
    if (!stream.endsClean()) {
      throw place.refuse("bits are set in the padding of its entry '%s'", entry.name());
    }
    return zeros;
  }
}
