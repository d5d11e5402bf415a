package dev.bantam.deltamerging;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.compression.BitReader;
import dev.bantam.compression.BitWriter;
import dev.bantam.tensor.BantamException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A stored delta of one tensor: which elements are kept, and their values.
 *
 * <p>Rows whose delta is zero in every element are left out first, if there are any: embeddings of
 * words that fine-tuning has not seen. Of the others, values stand in the order of the elements. A
 * value is a float (32 bits), a half float times the scale (16), a code in {@code -L .. L} times
 * the scale, {@code L = 2^(bits-1) - 1} (2 to 8, stored as code + L), or a sign times the scale (1;
 * zero is plus).
 *
 * @param length number of elements
 * @param columns length of a row
 * @param rows a bit for every row that is not left out, or null for all
 * @param positions how kept elements are told, not SMALLEST
 * @param density chance of a seeded mask
 * @param key of a seeded mask
 * @param parameter of the Rice codes
 * @param count number of kept elements
 * @param mask bitmap or gaps, or empty
 * @param bits of a value
 * @param scale of the values, 1 at 32 bits
 * @param values packed, lowest bits first
 */
@SuppressWarnings("ArrayRecordComponent") // handed to files, compared nowhere
record DeltaCode(
    int length,
    int columns,
    byte[] rows,
    DeltaCoding.Positions positions,
    double density,
    long key,
    int parameter,
    int count,
    byte[] mask,
    int bits,
    float scale,
    byte[] values) {

  /**
   * Encodes a delta.
   *
   * @param delta after sparsifying and rescaling: what is dropped is 0; not modified
   * @param kept what is kept, also where it is zero; not modified
   * @param key of the mask, if it was drawn from one
   * @param scale of signs and codes, or NaN to choose it from the delta
   */
  static DeltaCode encode(
      float[] delta, boolean[] kept, int columns, DeltaCoding coding, long key, float scale) {
    final byte[] rows = rows(delta, columns);
    final boolean[] stored = kept.clone();
    int count = 0;
    for (int i = 0; i < stored.length; i++) {
      stored[i] &= rows == null || isSet(rows, i / columns);
      count += stored[i] ? 1 : 0;
    }
    final float[] values = new float[count];
    for (int i = 0, at = 0; i < stored.length; i++) {
      if (stored[i]) {
        values[at++] = delta[i];
      }
    }
    final Places places = places(stored, coding);
    final float by = Float.isNaN(scale) ? scale(values, coding.bits()) : scale;
    return new DeltaCode(
        delta.length,
        columns,
        rows,
        places.positions,
        coding.density(),
        key,
        places.parameter,
        count,
        places.bytes,
        coding.bits(),
        by,
        pack(values, coding.bits(), by));
  }

  private record Places(DeltaCoding.Positions positions, int parameter, byte[] bytes) {}

  private static Places places(boolean[] stored, DeltaCoding coding) {
    switch (coding.positions()) {
      case SEED -> {
        return new Places(DeltaCoding.Positions.SEED, 0, new byte[0]);
      }
      case BITMAP -> {
        return new Places(DeltaCoding.Positions.BITMAP, 0, bitmap(stored));
      }
      case GAPS -> {
        final int k = RiceGaps.best(stored);
        return new Places(DeltaCoding.Positions.GAPS, k, RiceGaps.encode(stored, k));
      }
      case SMALLEST -> {
        final int k = RiceGaps.best(stored);
        return RiceGaps.bits(stored, k) < stored.length
            ? new Places(DeltaCoding.Positions.GAPS, k, RiceGaps.encode(stored, k))
            : new Places(DeltaCoding.Positions.BITMAP, 0, bitmap(stored));
      }
    }
    throw new IllegalStateException("No such positions: " + coding.positions());
  }

  /** Rows that are not zero throughout; null if that is all of them. */
  private static byte[] rows(float[] delta, int columns) {
    final int count = delta.length / columns;
    final byte[] rows = new byte[(count + 7) >> 3];
    boolean all = true;
    for (int r = 0; r < count; r++) {
      boolean any = false;
      for (int i = r * columns; i < (r + 1) * columns && !any; i++) {
        any = Float.floatToRawIntBits(delta[i]) != 0;
      }
      if (any) {
        rows[r >> 3] |= (byte) (1 << (r & 7));
      }
      all &= any;
    }
    return all ? null : rows;
  }

  private static boolean isSet(byte[] bits, int i) {
    return (bits[i >> 3] >> (i & 7) & 1) == 1;
  }

  private static byte[] bitmap(boolean[] kept) {
    final byte[] bytes = new byte[(kept.length + 7) >> 3];
    for (int i = 0; i < kept.length; i++) {
      if (kept[i]) {
        bytes[i >> 3] |= (byte) (1 << (i & 7));
      }
    }
    return bytes;
  }

  /**
   * Signs: the mean magnitude. Codes: the factor of the largest one with the least squared error.
   */
  private static float scale(float[] values, int bits) {
    float peak = 0;
    for (float v : values) {
      peak = Math.max(peak, Math.abs(v));
    }
    if (bits == 32 || peak == 0) {
      return 1;
    }
    if (bits == 1) {
      return BitDelta.scale(values);
    }
    if (bits == 16) {
      return peak; // halves in [-1, 1]: small deltas stay normal numbers
    }
    final int top = (1 << (bits - 1)) - 1;
    if (bits == 8) {
      return peak / top;
    }
    float best = peak / top;
    double least = Double.POSITIVE_INFINITY;
    for (int percent = 100; percent >= 20; percent -= 2) {
      final float s = (float) (peak / top * (percent / 100.0));
      double error = 0;
      for (float v : values) {
        final double rest = v - code(v, s, top) * (double) s;
        error += rest * rest;
      }
      if (error < least) {
        least = error;
        best = s;
      }
    }
    return best;
  }

  private static int code(float v, float scale, int top) {
    return (int) Math.max(-top, Math.min(top, Math.rint(v / scale)));
  }

  private static byte[] pack(float[] values, int bits, float scale) {
    final byte[] bytes = new byte[Math.toIntExact(BitWriter.bytes(values.length, bits))];
    if (bits == 32) {
      final ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      out.asFloatBuffer().put(values);
      return bytes;
    }
    final BitWriter out = new BitWriter(bytes, 0);
    final int top = (1 << Math.max(0, bits - 1)) - 1;
    for (float v : values) {
      switch (bits) {
        case 16 -> out.put(HalfFloats.toHalf(v / scale) & 0xffff, 16);
        case 1 -> out.put(BitDelta.bit(v) ? 1 : 0, 1);
        default -> out.put(code(v, scale, top) + top, bits);
      }
    }
    out.finish();
    return bytes;
  }

  /**
   * The delta.
   *
   * @throws BantamException (bad input) if the parts do not fit together
   */
  float[] decode() {
    final boolean[] kept = kept();
    final float[] delta = new float[length];
    final BitReader in = new BitReader(values, 0);
    final ByteBuffer floats = ByteBuffer.wrap(values).order(ByteOrder.LITTLE_ENDIAN);
    final int top = (1 << Math.max(0, bits - 1)) - 1;
    int at = 0;
    for (int i = 0; i < length; i++) {
      if (!kept[i]) {
        continue;
      }
      if (at == count) {
        throw damaged();
      }
      delta[i] =
          switch (bits) {
            case 32 -> floats.getFloat(at * Float.BYTES);
            case 16 -> HalfFloats.fromHalf((short) in.next(16)) * scale;
            case 1 -> in.next(1) == 1 ? scale : -scale;
            default -> (in.next(bits) - top) * scale;
          };
      at++;
    }
    if (at != count) {
      throw damaged();
    }
    return delta;
  }

  private boolean[] kept() {
    if (values.length != BitWriter.bytes(count, bits) || count < 0 || count > length) {
      throw damaged();
    }
    final boolean[] kept = new boolean[length];
    switch (positions) {
      case SEED -> {
        final long threshold = RandomMask.threshold(density);
        for (int i = 0; i < length; i++) {
          kept[i] = density >= 1 || RandomMask.keeps(key, i, threshold);
        }
      }
      case BITMAP -> {
        if (mask.length != (length + 7) >> 3) {
          throw damaged();
        }
        for (int i = 0; i < length; i++) {
          kept[i] = isSet(mask, i);
        }
      }
      case GAPS -> RiceGaps.decode(mask, parameter, count, kept);
      case SMALLEST -> throw damaged();
    }
    if (rows != null) {
      if (rows.length != (length / columns + 7) >> 3) {
        throw damaged();
      }
      for (int i = 0; i < length; i++) {
        kept[i] &= isSet(rows, i / columns);
      }
    }
    return kept;
  }

  private static BantamException damaged() {
    return BantamException.badInput(
        "The parts of a stored delta do not fit together: the file is damaged. Copy it again.");
  }
}
