package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.tensor.BantamException;
import java.util.function.IntConsumer;

/**
 * Positions of stored elements as the number of zeros before each, counted from the one before it
 * in row-major order over the whole tensor.
 *
 * <p>A dense little-endian bit stream of codes of {@code b} bits. With {@code E = 2^b - 1}, a code
 * below E says: so many zeros, then a stored element; code E says: E zeros, and the next code goes
 * on. One more gap after the last stored element leads to the end of the tensor, so the stream fits
 * no other shape. The width of fewest bytes is used, from 2 to 16, the smallest among equals.
 */
final class Gaps {
  private static final int MIN_BITS = 2;
  private static final int MAX_BITS = 16;

  private final int bits;
  private final int count;
  private final byte[] bytes;

  private Gaps(int bits, int count, byte[] bytes) {
    this.bits = bits;
    this.count = count;
    this.bytes = bytes;
  }

  /**
   * What gaps would cost.
   *
   * @param bits width of a code
   * @param bytes length of the stream
   */
  record Cost(int bits, long bytes) {}

  /** The cheapest width and its bytes. */
  static Cost cost(boolean[] kept) {
    final long[] codes = new long[MAX_BITS + 1];
    int gap = 0;
    for (boolean k : kept) {
      if (!k) {
        gap++;
        continue;
      }
      for (int b = MIN_BITS; b <= MAX_BITS; b++) {
        codes[b] += 1 + gap / ((1 << b) - 1);
      }
      gap = 0;
    }
    for (int b = MIN_BITS; b <= MAX_BITS; b++) {
      codes[b] += 1 + gap / ((1 << b) - 1);
    }
    Cost best = new Cost(MIN_BITS, BitWriter.bytes(codes[MIN_BITS], MIN_BITS));
    for (int b = MIN_BITS + 1; b <= MAX_BITS; b++) {
      final long bytes = BitWriter.bytes(codes[b], b);
      if (bytes < best.bytes) {
        best = new Cost(b, bytes);
      }
    }
    return best;
  }

  static Gaps of(boolean[] kept) {
    final Cost cost = cost(kept);
    final byte[] bytes = new byte[Math.toIntExact(cost.bytes)];
    final BitWriter out = new BitWriter(bytes, 0);
    int gap = 0;
    int count = 0;
    for (boolean k : kept) {
      if (k) {
        put(out, gap, cost.bits);
        gap = 0;
        count++;
      } else {
        gap++;
      }
    }
    put(out, gap, cost.bits);
    out.finish();
    return new Gaps(cost.bits, count, bytes);
  }

  private static void put(BitWriter out, int gap, int bits) {
    final int escape = (1 << bits) - 1;
    int rest = gap;
    for (; rest >= escape; rest -= escape) {
      out.put(escape, bits);
    }
    out.put(rest, bits);
  }

  /**
   * Reads the attribute {@code gap-bits} and the entry {@code .indices}.
   *
   * @param count number of stored elements
   */
  static Gaps decode(FormReader in, MatrixShape shape, int count) {
    final int bits = in.integer("gap-bits", MIN_BITS, MAX_BITS);
    final Gaps gaps = new Gaps(bits, count, in.byteVector(StoredEntry.INDICES));
    gaps.check(shape);
    return gaps;
  }

  private void check(MatrixShape shape) {
    final BitReader in = new BitReader(bytes, 0);
    final int escape = (1 << bits) - 1;
    long position = -1;
    for (int k = 0; k <= count; k++) {
      int code;
      do {
        if (!in.has(bits)) {
          throw BantamException.badInput(
              "its entry '.indices' ends after " + k + " of " + count + " positions.");
        }
        code = in.next(bits);
        position += code;
      } while (code == escape && position < shape.length());
      if (++position >= shape.length() && k < count) {
        throw BantamException.badInput(
            "its entry '.indices' leads beyond the "
                + shape.length()
                + " elements of "
                + shape
                + ".");
      }
    }
    if (position != shape.length() || in.position() != bytes.length || !in.padIsZero()) {
      throw BantamException.badInput(
          "its entry '.indices' does not end with the "
              + shape.length()
              + " elements of "
              + shape
              + ".");
    }
  }

  /** Calls for the flat position of every stored element, ascending. */
  void forEach(IntConsumer consumer) {
    final BitReader in = new BitReader(bytes, 0);
    final int escape = (1 << bits) - 1;
    int position = -1;
    for (int k = 0; k < count; k++) {
      int code;
      do {
        code = in.next(bits);
        position += code;
      } while (code == escape);
      consumer.accept(++position);
    }
  }

  /** Number of stored elements. */
  int count() {
    return count;
  }

  int bits() {
    return bits;
  }

  StoredEntry entry() {
    return new StoredEntry(
        StoredEntry.INDICES, SafetensorsType.U8, new long[] {bytes.length}, bytes);
  }
}
