package dev.bantam.checkpoint;

import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.Hashes;
import dev.bantam.tensor.UnwritableException;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Writes a safetensors file, streaming one tensor after the other.
 *
 * <p>Layout as the reference writer's: {@code __metadata__} first (keys sorted), tensors by element
 * size descending and then by name, the header padded with blanks to a multiple of 8 bytes. So the
 * same content gives the same bytes, whatever the order of the calls. The file is written under a
 * temporary name in the same folder, synced to disk and renamed; a reader never sees half of it.
 */
public final class SafetensorsWriter {
  private final Map<String, String> metadata = new TreeMap<>();
  private final Map<String, Tensor> tensors = new TreeMap<>();

  /** Writes a tensor's bytes, as many as its type and shape say, little endian and in C order. */
  @FunctionalInterface
  public interface Source {
    void writeTo(OutputStream out) throws IOException;
  }

  /**
   * A finished file.
   *
   * @param bytes its length
   * @param sha256 its hash, lower-case hex
   */
  public record Written(long bytes, String sha256) {}

  private record Tensor(
      String name, SafetensorsType type, List<Long> shape, long bytes, Source source) {}

  /** Adds a text to {@code __metadata__}. */
  public SafetensorsWriter metadata(String key, String value) {
    if (metadata.put(key, value) != null) {
      throw new IllegalArgumentException("Metadata '" + key + "' is given twice");
    }
    return this;
  }

  /**
   * Adds a tensor.
   *
   * @param shape dimensions, none for a scalar
   * @param source called once by {@link #write}
   */
  public SafetensorsWriter add(String name, SafetensorsType type, long[] shape, Source source) {
    final List<Long> dimensions = Arrays.stream(shape).boxed().toList();
    if (name.equals(SafetensorsHeader.METADATA) || dimensions.stream().anyMatch(d -> d < 0)) {
      throw new IllegalArgumentException("Bad name or shape: '" + name + "' " + dimensions);
    }
    final long bits = Math.multiplyExact(SafetensorsEntry.elements(dimensions), (long) type.bits());
    if (bits % 8 != 0) {
      throw new IllegalArgumentException(
          "'" + name + "' of " + type + " " + dimensions + " does not end at a byte");
    }
    if (tensors.put(name, new Tensor(name, type, dimensions, bits / 8, source)) != null) {
      throw new IllegalArgumentException("Tensor '" + name + "' is given twice");
    }
    return this;
  }

  /** Adds a tensor of bytes that are already little endian; the array is not copied. */
  public SafetensorsWriter add(String name, SafetensorsType type, long[] shape, byte[] bytes) {
    return add(name, type, shape, out -> out.write(bytes));
  }

  /**
   * Adds a float32 array, in C order whatever its own order.
   *
   * @param type F32, or F16 or BF16 to round to
   */
  public SafetensorsWriter add(String name, SafetensorsType type, INDArray array) {
    if (array.dataType() != DataType.FLOAT) {
      throw new IllegalArgumentException("'" + name + "' is not float32: " + array.dataType());
    }
    return add(name, type, array.shape(), out -> new FloatEncoder(type, out).write(array));
  }

  /**
   * Writes the file, replacing one of the same name.
   *
   * @throws UnwritableException if the disk is too small or the folder cannot be written
   */
  public Written write(Path target) {
    final Path file = target.toAbsolutePath();
    final List<Tensor> order = new ArrayList<>(tensors.values());
    order.sort(Comparator.<Tensor>comparingInt(t -> -t.type.bits()).thenComparing(Tensor::name));
    try {
      final byte[] header = header(order);
      long total = header.length;
      for (final Tensor tensor : order) {
        total = Math.addExact(total, tensor.bytes);
      }
      checkSpace(file, total);
      return new Written(total, writeAtomically(file, header, order));
    } catch (IOException e) {
      throw UnwritableException.of(file, e);
    }
  }

  private static void checkSpace(Path file, long total) throws IOException {
    final long free = Files.getFileStore(file.getParent()).getUsableSpace();
    if (free < total) {
      throw UnwritableException.noRoom(file, total, free);
    }
  }

  private byte[] header(List<Tensor> order) {
    return SafetensorsLayout.of(
            metadata,
            order.stream()
                .map(t -> new SafetensorsLayout.Slot(t.name, t.type, t.shape, 0, t.bytes))
                .toList())
        .header();
  }

  private static String writeAtomically(Path file, byte[] header, List<Tensor> order)
      throws IOException {
    final Path temporary = AtomicFiles.temporary(file);
    try {
      final MessageDigest digest = Hashes.sha256();
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
        final OutputStream out = new DigestOutputStream(Channels.newOutputStream(channel), digest);
        out.write(header);
        for (final Tensor tensor : order) {
          writeTensor(tensor, out);
        }
        channel.force(true);
      }
      AtomicFiles.move(temporary, file);
      return Hashes.hex(digest);
    } finally {
      AtomicFiles.deleteQuietly(temporary);
    }
  }

  private static void writeTensor(Tensor tensor, OutputStream out) throws IOException {
    final Counting counting = new Counting(out);
    tensor.source.writeTo(counting);
    if (counting.count != tensor.bytes) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "The source of '%s' wrote %d bytes, %s %s needs %d",
              tensor.name,
              counting.count,
              tensor.type,
              tensor.shape,
              tensor.bytes));
    }
  }

  private static final class Counting extends FilterOutputStream {
    private long count;

    Counting(OutputStream out) {
      super(out);
    }

    @Override
    public void write(int b) throws IOException {
      out.write(b);
      count++;
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      out.write(bytes, from, length);
      count += length;
    }

    @Override
    public void close() {
      // the file is closed by its owner
    }
  }

  /** Encodes float32 values as one of the float types. */
  private record FloatEncoder(SafetensorsType type, OutputStream out) {
    FloatEncoder {
      if (type != SafetensorsType.F32
          && type != SafetensorsType.F16
          && type != SafetensorsType.BF16) {
        throw new IllegalArgumentException("Floats are written as F32, F16 or BF16, not " + type);
      }
    }

    void write(INDArray array) throws IOException {
      final IOException[] failure = new IOException[1];
      FloatTensors.read(
          array,
          (from, tile, count) -> {
            try {
              if (failure[0] == null) {
                out.write(encode(tile, count));
              }
            } catch (IOException e) {
              failure[0] = e;
            }
          });
      if (failure[0] != null) {
        throw failure[0];
      }
    }

    private byte[] encode(float[] tile, int count) {
      final byte[] bytes = new byte[Math.multiplyExact(count, type.bits() / 8)];
      if (type == SafetensorsType.F32) {
        FloatTensors.toBytes(tile, count, bytes);
        return bytes;
      }
      for (int i = 0; i < count; i++) {
        final short half =
            type == SafetensorsType.F16 ? HalfFloats.toHalf(tile[i]) : HalfFloats.toBfloat(tile[i]);
        bytes[2 * i] = (byte) half;
        bytes[2 * i + 1] = (byte) (half >>> 8);
      }
      return bytes;
    }
  }
}
