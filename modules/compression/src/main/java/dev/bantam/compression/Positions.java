package dev.bantam.compression;

import dev.bantam.tensor.BantamException;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntConsumer;

/** Which elements are stored, in runs, as a bit mask or as gaps, whichever is smaller. */
final class Positions {
  private final Runs runs;

  /** Null if there are gaps. */
  private final BitMask mask;

  /** Null if there is a mask. */
  private final Gaps gaps;

  private Positions(Runs runs, BitMask mask, Gaps gaps) {
    this.runs = runs;
    this.mask = mask;
    this.gaps = gaps;
  }

  /** Bytes of the smaller one. */
  static long bytes(Runs runs, boolean[] kept) {
    return Math.min(BitMask.bytes(runs.units()), Gaps.cost(runs.units(kept)).bytes());
  }

  /**
   * @param kept by element; runs are stored whole
   */
  static Positions of(Runs runs, boolean[] kept) {
    final boolean[] units = runs.units(kept);
    return BitMask.bytes(runs.units()) <= Gaps.cost(units).bytes()
        ? masked(runs, units)
        : gapped(runs, units);
  }

  private static Positions masked(Runs runs, boolean[] units) {
    return new Positions(runs, BitMask.of(runs.units(), units), null);
  }

  private static Positions gapped(Runs runs, boolean[] units) {
    return new Positions(runs, null, Gaps.of(units));
  }

  /** Of a kind that is asked for. */
  static Positions of(Runs runs, boolean[] kept, boolean asGaps) {
    return asGaps ? gapped(runs, runs.units(kept)) : masked(runs, runs.units(kept));
  }

  /** Reads {@code .mask} and the attribute {@code run}. */
  static Positions decodeMask(FormReader in, MatrixShape shape) {
    final Runs runs = Runs.decode(in, shape);
    return new Positions(runs, BitMask.decode(in, runs.units()), null);
  }

  /**
   * Reads {@code .indices} and the attributes {@code gap-bits} and {@code run}.
   *
   * @param count number of stored elements
   */
  static Positions decodeGaps(FormReader in, MatrixShape shape, int count) {
    final Runs runs = Runs.decode(in, shape);
    if (count % runs.width() != 0) {
      throw BantamException.badInput(
          "it stores " + count + " elements, which are no whole runs of " + runs.width() + ".");
    }
    return new Positions(runs, null, Gaps.decode(in, runs.units(), count / runs.width()));
  }

  /** Either of both; gaps have the attribute {@code kept} then. */
  static Positions decode(FormReader in, MatrixShape shape) {
    return in.has(StoredEntry.INDICES)
        ? decodeGaps(in, shape, in.integer("kept", 0, shape.length()))
        : decodeMask(in, shape);
  }

  /** Number of stored elements. */
  int count() {
    return runs.width() * (mask != null ? mask.count() : gaps.count());
  }

  void forEach(IntConsumer position) {
    if (mask != null) {
      mask.forEach(runs.elements(position));
    } else {
      gaps.forEach(runs.elements(position));
    }
  }

  /** Without the number of elements. */
  Map<String, String> attributes() {
    final Map<String, String> attributes = new TreeMap<>(runs.attributes());
    if (gaps != null) {
      attributes.put("gap-bits", Integer.toString(gaps.bits()));
    }
    return attributes;
  }

  /** With the number of elements, for forms that do not tell it otherwise. */
  Map<String, String> attributesWithCount() {
    final Map<String, String> attributes = new TreeMap<>(attributes());
    if (gaps != null) {
      attributes.put("kept", Integer.toString(count()));
    }
    return attributes;
  }

  StoredEntry entry() {
    return mask != null ? mask.entry() : gaps.entry();
  }
}
