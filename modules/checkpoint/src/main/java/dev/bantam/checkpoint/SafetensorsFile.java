package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Hashes;
import dev.bantam.tensor.Suggestions;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An open safetensors file. Opening reads and checks the header only; tensors are mapped or read
 * one by one, so files and tensors may be larger than 2 GiB. Safe for use by several threads.
 *
 * <p>Everything the reference reader (safetensors 0.8) refuses is refused, and two tensors of the
 * same name as well. A header length beyond the file is refused before anything is allocated.
 */
public final class SafetensorsFile implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;
  private final SafetensorsHeader header;
  private final long dataStart;

  private SafetensorsFile(
      Path path, FileChannel channel, SafetensorsHeader header, long dataStart) {
    this.path = path;
    this.channel = channel;
    this.header = header;
    this.dataStart = dataStart;
  }

  /**
   * Opens a file.
   *
   * @throws BantamException (bad input) if it is missing, unreadable or malformed
   */
  public static SafetensorsFile open(Path path) {
    FileChannel channel = null;
    boolean open = false;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
      final SafetensorsFile file = read(path, channel);
      open = true;
      return file;
    } catch (NoSuchFileException e) {
      throw BantamException.badInput("There is no file " + path + ".", e);
    } catch (SafetensorsHeader.Malformed e) {
      throw BantamException.badInput(
          path
              + " is not a valid safetensors file: "
              + e.getMessage()
              + ". Copy or download the file again.",
          e);
    } catch (IOException e) {
      throw unreadable(path, e);
    } finally {
      if (channel != null && !open) {
        closeQuietly(channel);
      }
    }
  }

  private static SafetensorsFile read(Path path, FileChannel channel)
      throws IOException, SafetensorsHeader.Malformed {
    final long size = channel.size();
    if (size < Long.BYTES) {
      throw new SafetensorsHeader.Malformed("it has " + size + " bytes, the header alone needs 8");
    }
    final ByteBuffer prefix = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    readFully(channel, prefix, 0);
    final long length = prefix.getLong(0);
    if (length < 0 || length > SafetensorsHeader.MAX_LENGTH) {
      throw new SafetensorsHeader.Malformed(
          "its header claims "
              + Long.toUnsignedString(length)
              + " bytes, the most is "
              + SafetensorsHeader.MAX_LENGTH);
    }
    if (length > size - Long.BYTES) {
      throw new SafetensorsHeader.Malformed(
          "its header claims " + length + " bytes, the file has " + size);
    }
    final ByteBuffer json = ByteBuffer.allocate((int) length);
    readFully(channel, json, Long.BYTES);
    json.flip();
    final long dataStart = Long.BYTES + length;
    return new SafetensorsFile(
        path, channel, SafetensorsHeader.parse(json, size - dataStart), dataStart);
  }

  /** SHA-256 of a whole file, lower-case hex. */
  public static String sha256(Path file) {
    try {
      return Hashes.of(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** The tensors by name, in the order of the header. */
  public Map<String, SafetensorsEntry> entries() {
    return header.entries();
  }

  /** The texts under {@code __metadata__}. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /** The file's path. */
  public Path path() {
    return path;
  }

  /**
   * The description of a tensor.
   *
   * @throws BantamException (bad input) if the file has no tensor of that name
   */
  public SafetensorsEntry entry(String name) {
    final SafetensorsEntry entry = header.entries().get(name);
    if (entry == null) {
      throw BantamException.badInput(
          path
              + " has no tensor '"
              + name
              + "'. "
              + Suggestions.didYouMean(name, entries().keySet()).strip());
    }
    return entry;
  }

  /**
   * Maps a part of a tensor's bytes, read-only and little endian.
   *
   * @param offset first byte, within the tensor
   * @param length number of bytes
   */
  public ByteBuffer map(String name, long offset, int length) {
    final SafetensorsEntry entry = entry(name);
    checkRange(entry, offset, length);
    try {
      return channel
          .map(FileChannel.MapMode.READ_ONLY, dataStart + entry.begin() + offset, length)
          .order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /**
   * Reads a part of a tensor's bytes into a buffer, filling what remains of it.
   *
   * @param offset first byte, within the tensor
   */
  public void read(String name, long offset, ByteBuffer target) {
    final SafetensorsEntry entry = entry(name);
    checkRange(entry, offset, target.remaining());
    try {
      readFully(channel, target, dataStart + entry.begin() + offset);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /** All bytes of a tensor of less than 2 GiB, of any type. */
  public byte[] bytes(String name) {
    final SafetensorsEntry entry = entry(name);
    if (entry.bytes() > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "'" + name + "' has " + entry.bytes() + " bytes; read it in parts");
    }
    final ByteBuffer buffer = ByteBuffer.allocate((int) entry.bytes());
    read(name, 0, buffer);
    return buffer.array();
  }

  /**
   * A tensor of F32, F64, F16 or BF16 as a new float32 array in C order, off-heap. F64 is rounded
   * to the nearest float32.
   *
   * @throws BantamException (bad input) if the tensor is missing or of another type
   */
  public INDArray floats(String name) {
    final SafetensorsEntry entry = entry(name);
    if (!entry.type().readsAsFloat()) {
      throw BantamException.badInput(
          path
              + ": tensor '"
              + name
              + "' has dtype "
              + entry.type()
              + "; weights are read from F32, F64, F16 or BF16.");
    }
    final FloatReader reader = new FloatReader(this, entry);
    return FloatTensors.create(entry.shape(), reader::fill);
  }

  @Override
  public void close() {
    closeQuietly(channel);
  }

  private static void checkRange(SafetensorsEntry entry, long offset, long length) {
    if (offset < 0 || length < 0 || offset > entry.bytes() - length) {
      throw new IllegalArgumentException(
          "Bytes "
              + offset
              + ".."
              + (offset + length)
              + " of '"
              + entry.name()
              + "', which has "
              + entry.bytes());
    }
  }

  private static void readFully(FileChannel channel, ByteBuffer target, long position)
      throws IOException {
    final int start = target.position();
    while (target.hasRemaining()) {
      if (channel.read(target, position + target.position() - start) < 0) {
        throw new EOFException("the file became shorter while it was read");
      }
    }
  }

  private static BantamException unreadable(Path path, IOException e) {
    return BantamException.badInput("Cannot read " + path + ": " + e.getMessage() + ".", e);
  }

  private static void closeQuietly(FileChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      throw new IllegalStateException("Closing a file that was only read failed", e);
    }
  }

  /** Decodes a tensor piece by piece over mapped windows. */
  private static final class FloatReader {
    private static final long WINDOW = 1L << 28; // a multiple of every element size

    private final SafetensorsFile file;
    private final SafetensorsEntry entry;
    private final int size;
    private long windowStart;
    private ByteBuffer window = ByteBuffer.allocate(0);

    FloatReader(SafetensorsFile file, SafetensorsEntry entry) {
      this.file = file;
      this.entry = entry;
      this.size = entry.type().bits() / 8;
    }

    void fill(long from, float[] tile, int count) {
      final long begin = from * size;
      final int bytes = count * size;
      if (begin + bytes > windowStart + window.limit()) {
        windowStart = begin;
        window = file.map(entry.name(), begin, (int) Math.min(WINDOW, entry.bytes() - begin));
      }
      final ByteBuffer at =
          window.slice((int) (begin - windowStart), bytes).order(ByteOrder.LITTLE_ENDIAN);
      if (entry.type() == SafetensorsType.F32) {
        at.asFloatBuffer().get(tile, 0, count);
      } else {
        decode(at, tile, count);
      }
    }

    private void decode(ByteBuffer at, float[] tile, int count) {
      switch (entry.type()) {
        case F64 -> {
          for (int i = 0; i < count; i++) {
            tile[i] = (float) at.getDouble();
          }
        }
        case F16 -> {
          for (int i = 0; i < count; i++) {
            tile[i] = HalfFloats.fromHalf(at.getShort());
          }
        }
        case BF16 -> {
          for (int i = 0; i < count; i++) {
            tile[i] = HalfFloats.fromBfloat(at.getShort());
          }
        }
        default -> throw new IllegalStateException("Not a float type: " + entry.type());
      }
    }
  }
}
