package dev.bantam.compression;

import java.util.Map;
import java.util.function.IntConsumer;

/** Which elements are stored, as a bit mask or as gaps, whichever is smaller. */
final class Positions {
  private final int count;

  /** Null if there are gaps. */
  private final BitMask mask;

  /** Null if there is a mask. */
  private final Gaps gaps;

  private Positions(int count, BitMask mask, Gaps gaps) {
    this.count = count;
    this.mask = mask;
    this.gaps = gaps;
  }

  /** Bytes of the smaller one. */
  static long bytes(MatrixShape shape, boolean[] kept) {
    return Math.min(BitMask.bytes(shape), Gaps.cost(kept).bytes());
  }

  static Positions of(MatrixShape shape, boolean[] kept) {
    if (BitMask.bytes(shape) <= Gaps.cost(kept).bytes()) {
      final BitMask mask = BitMask.of(shape, kept);
      return new Positions(mask.count(), mask, null);
    }
    final Gaps gaps = Gaps.of(kept);
    return new Positions(gaps.count(), null, gaps);
  }

  /** Reads {@code .mask}; or {@code .indices} and the attributes {@code kept}, {@code gap-bits}. */
  static Positions decode(FormReader in, MatrixShape shape) {
    if (in.has(StoredEntry.INDICES)) {
      final int count = in.integer("kept", 0, shape.length());
      return new Positions(count, null, Gaps.decode(in, shape, count));
    }
    final BitMask mask = BitMask.decode(in, shape);
    return new Positions(mask.count(), mask, null);
  }

  int count() {
    return count;
  }

  void forEach(IntConsumer position) {
    if (mask != null) {
      mask.forEach(position);
    } else {
      gaps.forEach(position);
    }
  }

  Map<String, String> attributes() {
    return mask != null
        ? Map.of()
        : Map.of("kept", Integer.toString(count), "gap-bits", Integer.toString(gaps.bits()));
  }

  StoredEntry entry() {
    return mask != null ? mask.entry() : gaps.entry();
  }
}
