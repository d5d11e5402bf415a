package dev.bantam.reader;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file that is read by position; several threads may do so at once. */
final class DataFile implements Closeable {
  private static final int CHUNK = 1 << 16;

  private final Path path;
  private final FileChannel channel;
  private final long size;

  private DataFile(Path path, FileChannel channel, long size) {
    this.path = path;
    this.channel = channel;
    this.size = size;
  }

  static DataFile open(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      throw Place.of(path).refuse("this is a folder, and a file is needed here");
    }
    final FileChannel channel;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      final PackedModelException refused = Place.of(path).refuse("there is no such file");
      refused.initCause(e);
      throw refused;
    }
    try {
      return new DataFile(path, channel, channel.size());
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  Place place() {
    return Place.of(path);
  }

  /** Length in bytes when it was opened. */
  long size() {
    return size;
  }

  /** Bytes {@code [position, position + length)}; the caller has checked that the file has them. */
  byte[] bytes(long position, int length) throws IOException {
    final byte[] bytes = new byte[length];
    // in pieces: the channel keeps a buffer of the largest piece for each thread
    for (int from = 0; from < length; from += CHUNK) {
      fill(ByteBuffer.wrap(bytes, from, Math.min(CHUNK, length - from)), position + from);
    }
    return bytes;
  }

  /** {@code count} numbers of the given type from {@code position} on, widened to float32. */
  float[] floats(long position, int count, ElementType type) throws IOException {
    final float[] values = new float[count];
    final int width = type.bits() / 8;
    final ByteBuffer chunk = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);
    for (int from = 0; from < count; from += CHUNK / width) {
      final int numbers = Math.min(CHUNK / width, count - from);
      fill(chunk.clear().limit(numbers * width), position + (long) from * width);
      chunk.flip();
      Floats.widen(chunk, type, values, from, numbers);
    }
    return values;
  }

  private void fill(ByteBuffer buffer, long position) throws IOException {
    long next = position;
    while (buffer.hasRemaining()) {
      final int read = channel.read(buffer, next);
      if (read < 0) {
        throw place()
            .refuse("the file ends at byte %d, and had %d bytes when it was opened", next, size);
      }
      next += read;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
