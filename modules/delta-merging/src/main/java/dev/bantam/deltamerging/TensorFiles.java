package dev.bantam.deltamerging;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.checkpoint.SafetensorsType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/**
 * Tensors between files and float arrays, by position and through one buffer: nothing is mapped, so
 * that memory does not grow with the files. One for each thread.
 */
final class TensorFiles {
  private static final int BUFFER = 1 << 20;

  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(BUFFER).order(ByteOrder.LITTLE_ENDIAN);
  private final short[] shorts = new short[BUFFER / Short.BYTES];

  /** Reads a part of a tensor's bytes. */
  interface Bytes {
    /**
     * @param offset first byte, within the tensor
     * @param target filled completely
     */
    void read(long offset, ByteBuffer target);
  }

  /**
   * Reads a whole tensor of F32, F64, F16 or BF16, rounded to a precision.
   *
   * @param out as long as the tensor
   */
  void read(Bytes source, SafetensorsType type, float[] out, Precision precision) {
    final int size = type.bits() / 8;
    final int step = BUFFER / size;
    for (int from = 0; from < out.length; from += step) {
      final int count = Math.min(step, out.length - from);
      buffer.clear().limit(count * size);
      source.read((long) from * size, buffer);
      buffer.flip();
      decode(type, out, from, count);
    }
    if (type != precision.type()) {
      precision.round(out);
    }
  }

  private void decode(SafetensorsType type, float[] out, int from, int count) {
    switch (type) {
      case F32 -> buffer.asFloatBuffer().get(out, from, count);
      case F64 -> {
        for (int i = 0; i < count; i++) {
          out[from + i] = (float) buffer.getDouble(i * Double.BYTES);
        }
      }
      case F16 -> {
        buffer.asShortBuffer().get(shorts, 0, count);
        for (int i = 0; i < count; i++) {
          out[from + i] = HalfFloats.fromHalf(shorts[i]);
        }
      }
      case BF16 -> {
        buffer.asShortBuffer().get(shorts, 0, count);
        for (int i = 0; i < count; i++) {
          out[from + i] = HalfFloats.fromBfloat(shorts[i]);
        }
      }
      default -> throw new IllegalArgumentException("Not floats: " + type);
    }
  }

  /**
   * Writes floats as F32, F16 or BF16.
   *
   * @param at position of the first byte in the file
   */
  void write(float[] values, SafetensorsType type, FileChannel file, long at) throws IOException {
    final int size = type.bits() / 8;
    final int step = BUFFER / size;
    for (int from = 0; from < values.length; from += step) {
      final int count = Math.min(step, values.length - from);
      buffer.clear().limit(count * size);
      if (type == SafetensorsType.F32) {
        buffer.asFloatBuffer().put(values, from, count);
      } else {
        for (int i = 0; i < count; i++) {
          shorts[i] =
              type == SafetensorsType.F16
                  ? HalfFloats.toHalf(values[from + i])
                  : HalfFloats.toBfloat(values[from + i]);
        }
        buffer.asShortBuffer().put(shorts, 0, count);
      }
      writeFully(file, at + (long) from * size);
    }
  }

  /** Copies a tensor's bytes as they are. */
  void copy(Bytes source, long bytes, FileChannel file, long at) throws IOException {
    for (long from = 0; from < bytes; from += BUFFER) {
      buffer.clear().limit((int) Math.min(BUFFER, bytes - from));
      source.read(from, buffer);
      buffer.flip();
      writeFully(file, at + from);
    }
  }

  /** Whether two tensors of the same length hold the same bytes. */
  boolean equal(Bytes first, Bytes second, long bytes) {
    final ByteBuffer other = ByteBuffer.allocate(BUFFER);
    for (long from = 0; from < bytes; from += BUFFER) {
      final int count = (int) Math.min(BUFFER, bytes - from);
      buffer.clear().limit(count);
      first.read(from, buffer);
      buffer.flip();
      other.clear().limit(count);
      second.read(from, other);
      other.flip();
      if (!buffer.equals(other)) {
        return false;
      }
    }
    return true;
  }

  private void writeFully(FileChannel file, long at) throws IOException {
    long position = at;
    while (buffer.hasRemaining()) {
      position += file.write(buffer, position);
    }
  }
}
