package dev.bantam.checkpoint;

import java.security.MessageDigest;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Filling and reading float32 arrays in C order through heap tiles. Works on arrays of any length,
 * also beyond what an NIO buffer can address.
 */
final class FloatTensors {
  private static final int TILE = 1 << 15;

  private FloatTensors() {}

  /** Gives the next values, in C order. */
  @FunctionalInterface
  interface Source {
    /** Fills {@code tile[0..count)} with the elements from {@code from} on. */
    void fill(long from, float[] tile, int count);
  }

  /** Takes values in C order. */
  @FunctionalInterface
  interface Sink {
    /** Receives {@code tile[0..count)}, the elements from {@code from} on. */
    void take(long from, float[] tile, int count);
  }

  /** A new off-heap array, [shape], C order. */
  static INDArray create(long[] shape, Source source) {
    long length = 1;
    for (final long d : shape) {
      length = Math.multiplyExact(length, d);
    }
    final INDArray array =
        length == 0
            ? Nd4j.create(DataType.FLOAT, shape)
            : Nd4j.createUninitialized(DataType.FLOAT, shape, 'c');
    if (length > 0) {
      final FloatPointer pointer = new FloatPointer(array.data().pointer());
      final float[] tile = new float[(int) Math.min(TILE, length)];
      for (long from = 0; from < length; from += tile.length) {
        final int count = (int) Math.min(tile.length, length - from);
        source.fill(from, tile, count);
        pointer.position(from).put(tile, 0, count);
      }
    }
    return array;
  }

  /**
   * Reads an array in C order, tile by tile.
   *
   * @param array float32; a view or an F-order array is copied first
   */
  static void read(INDArray array, Sink sink) {
    if (array.dataType() != DataType.FLOAT) {
      throw new IllegalArgumentException("float32 expected, not " + array.dataType());
    }
    final long length = array.length();
    if (length == 0) {
      return;
    }
    final boolean plain = array.ordering() == 'c' && !array.isView();
    final INDArray own = plain ? array : array.dup('c');
    final FloatPointer pointer = new FloatPointer(own.data().pointer());
    final float[] tile = new float[(int) Math.min(TILE, length)];
    for (long from = 0; from < length; from += tile.length) {
      final int count = (int) Math.min(tile.length, length - from);
      pointer.position(from).get(tile, 0, count);
      sink.take(from, tile, count);
    }
    if (!plain) {
      own.close();
    }
  }

  /** Number of values that are NaN or infinite. */
  static long nonFinite(INDArray array) {
    final long[] bad = {0};
    read(
        array,
        (from, tile, count) -> {
          for (int i = 0; i < count; i++) {
            if (!Float.isFinite(tile[i])) {
              bad[0]++;
            }
          }
        });
    return bad[0];
  }

  /** Little-endian float32 bytes of {@code tile[0..count)} into {@code bytes}. */
  static void toBytes(float[] tile, int count, byte[] bytes) {
    for (int i = 0, b = 0; i < count; i++, b += Float.BYTES) {
      final int bits = Float.floatToRawIntBits(tile[i]);
      bytes[b] = (byte) bits;
      bytes[b + 1] = (byte) (bits >>> 8);
      bytes[b + 2] = (byte) (bits >>> 16);
      bytes[b + 3] = (byte) (bits >>> 24);
    }
  }

  /** Feeds the values' little-endian bytes to a digest. */
  static void update(MessageDigest digest, INDArray array) {
    final byte[] bytes = new byte[TILE * Float.BYTES];
    read(
        array,
        (from, tile, count) -> {
          toBytes(tile, count, bytes);
          digest.update(bytes, 0, count * Float.BYTES);
        });
  }
}
