package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.GroupedTensor.Zero;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A {@link GroupedTensor} without the codes of its zeros: the form of weights that were pruned and
 * then quantized.
 *
 * <p>The codes of all other elements are one dense little-endian bit stream, in row-major order;
 * which elements those are is a bit mask or a stream of gaps, of elements or of runs of them.
 * Weights that became zero by rounding are left out like pruned ones. Zeros come back as +0.
 */
public final class SparseGroupedTensor implements CompressedTensor {
  static final String FORM = "sparse-grouped";

  private final MatrixShape shape;
  private final Levels levels;
  private final Positions positions;
  private final byte[] packed;

  private SparseGroupedTensor(
      MatrixShape shape, Levels levels, Positions positions, byte[] packed) {
    this.shape = shape;
    this.levels = levels;
    this.positions = positions;
    this.packed = packed;
  }

  /**
   * The same values without the codes of zeros.
   *
   * @throws IllegalArgumentException if the codes have an offset, so that none of them is a zero
   */
  public static SparseGroupedTensor of(GroupedTensor grouped) {
    if (grouped.zero() == Zero.OFFSET) {
      throw new IllegalArgumentException("Codes with an offset have no zero");
    }
    final boolean[] kept = kept(grouped);
    return of(grouped, grouped.unsignedCodes(), cheapest(grouped, kept), kept);
  }

  /** The width of runs that takes the fewest bytes. */
  private static Runs cheapest(GroupedTensor grouped, boolean[] kept) {
    final List<Runs> candidates = Runs.candidates(grouped.matrixShape());
    Runs best = candidates.get(0);
    long least = Long.MAX_VALUE;
    for (Runs runs : candidates) {
      final long bytes = bytes(grouped, runs, kept);
      if (bytes < least) {
        best = runs;
        least = bytes;
      }
    }
    return best;
  }

  private static long bytes(GroupedTensor grouped, Runs runs, boolean[] kept) {
    return BitWriter.bytes(SparseValues.count(runs.whole(kept)), grouped.bits())
        + Positions.bytes(runs, kept);
  }

  /** The same values without the codes of zeros, if that is smaller. */
  static Optional<SparseGroupedTensor> ifSmaller(GroupedTensor grouped) {
    if (grouped.zero() == Zero.OFFSET) {
      return Optional.empty();
    }
    final boolean[] kept = kept(grouped);
    final Runs runs = cheapest(grouped, kept);
    final MatrixShape shape = grouped.matrixShape();
    final long all = (long) shape.rows() * PackedCodes.rowBytes(shape.columns(), grouped.bits());
    return bytes(grouped, runs, kept) < all
        ? Optional.of(of(grouped, grouped.unsignedCodes(), runs, kept))
        : Optional.empty();
  }

  private static boolean[] kept(GroupedTensor grouped) {
    final byte[] codes = grouped.unsignedCodes();
    final Levels levels = grouped.levels();
    final MatrixShape shape = grouped.matrixShape();
    final boolean[] kept = new boolean[codes.length];
    for (int r = 0, i = 0; r < shape.rows(); r++) {
      for (int c = 0; c < shape.columns(); c++, i++) {
        kept[i] = (codes[i] & 0xff) != levels.zeroCode(levels.groups().at(r, c));
      }
    }
    return kept;
  }

  private static SparseGroupedTensor of(
      GroupedTensor grouped, byte[] codes, Runs runs, boolean[] nonZero) {
    final boolean[] kept = runs.whole(nonZero);
    final Positions positions = Positions.of(runs, nonZero);
    final byte[] packed =
        new byte[Math.toIntExact(BitWriter.bytes(positions.count(), grouped.bits()))];
    final BitWriter out = new BitWriter(packed, 0);
    for (int i = 0; i < codes.length; i++) {
      if (kept[i]) {
        out.put(codes[i] & 0xff, grouped.bits());
      }
    }
    out.finish();
    return new SparseGroupedTensor(grouped.matrixShape(), grouped.levels(), positions, packed);
  }

  static SparseGroupedTensor decode(
      Map<String, String> attributes, Map<String, StoredEntry> entries) {
    final FormReader in = new FormReader(FORM, attributes, entries);
    final MatrixShape shape = in.shape();
    final Levels levels = Levels.decode(in, shape);
    if (levels.zero() == Zero.OFFSET) {
      throw BantamException.badInput("its codes have an offset, so none of them can be left out.");
    }
    final Positions positions = Positions.decode(in, shape);
    final byte[] packed =
        in.bytes(
            StoredEntry.CODES,
            SafetensorsType.U8,
            BitWriter.bytes(positions.count(), levels.bits()));
    if (positions.count() > 0) {
      PackedCodes.checkPad(packed, 1, positions.count(), levels.bits(), StoredEntry.CODES);
    }
    in.finish();
    return new SparseGroupedTensor(shape, levels, positions, packed);
  }

  /** Width of a code, 1..8. */
  public int bits() {
    return levels.bits();
  }

  /** What shares a scale. */
  public Groups groups() {
    return levels.groups();
  }

  /** The same values with the codes of zeros. */
  public GroupedTensor grouped() {
    final byte[] codes = new byte[shape.length()];
    for (int r = 0, i = 0; r < shape.rows(); r++) {
      for (int c = 0; c < shape.columns(); c++, i++) {
        codes[i] = (byte) levels.zeroCode(levels.groups().at(r, c));
      }
    }
    forEachCode((position, code) -> codes[position] = (byte) code);
    return GroupedTensor.ofUnsigned(shape, levels, codes);
  }

  @FunctionalInterface
  private interface CodeConsumer {
    void accept(int position, int code);
  }

  private void forEachCode(CodeConsumer consumer) {
    final BitReader in = new BitReader(packed, 0);
    final IntConsumer each = position -> consumer.accept(position, in.next(levels.bits()));
    positions.forEach(each);
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
    final float[] values = new float[shape.length()];
    final int columns = shape.columns();
    final Groups groups = levels.groups();
    forEachCode(
        (position, code) ->
            values[position] =
                levels.value(code, groups.at(position / columns, position % columns)));
    return Floats.tensor(values, shape.dimensions());
  }

  @Override
  public Map<String, String> attributes() {
    final Map<String, String> attributes = new TreeMap<>(levels.attributes());
    attributes.put("shape", shape.text());
    attributes.putAll(positions.attributesWithCount());
    return attributes;
  }

  @Override
  public List<StoredEntry> encode() {
    final StoredEntry codes =
        new StoredEntry(StoredEntry.CODES, SafetensorsType.U8, new long[] {packed.length}, packed);
    return Stream.concat(Stream.of(codes, positions.entry()), levels.entries().stream()).toList();
  }
}
