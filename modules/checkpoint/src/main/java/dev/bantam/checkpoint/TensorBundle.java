package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.shade.protobuf.InvalidProtocolBufferException;
import org.tensorflow.framework.DataType;
import org.tensorflow.util.BundleEntryProto;
import org.tensorflow.util.BundleHeaderProto;

/**
 * Float32 tensors of a TensorFlow checkpoint of one data file ("tensor bundle"): {@code
 * variables.index}, a {@link LevelTable} of names with types, shapes and places, and {@code
 * variables.data-00000-of-00001}, which is mapped and not loaded.
 */
final class TensorBundle {
  /** TensorFlow stores {@code rotate right by 15 (crc) + this}. */
  private static final int MASK = 0xa282ead8;

  private final Path data;
  private final ByteBuffer bytes;
  private final Map<String, Entry> entries;

  /**
   * A tensor.
   *
   * @param shape dimensions
   * @param offset of its data in the file
   * @param checksum masked CRC-32C of its data
   */
  @SuppressWarnings("ArrayRecordComponent") // read by this class alone
  private record Entry(long[] shape, long offset, int size, int checksum) {}

  private TensorBundle(Path data, ByteBuffer bytes, Map<String, Entry> entries) {
    this.data = data;
    this.bytes = bytes;
    this.entries = entries;
  }

  /**
   * Opens a bundle; the files are closed again, the data stay mapped as long as this is in use.
   *
   * @throws BantamException (bad input) naming what is missing, damaged or not supported
   */
  static TensorBundle open(Path index, Path data) {
    final Problems problems =
        new Problems("The TensorFlow checkpoint " + index + " cannot be read");
    try (FileChannel channel = FileChannel.open(data)) {
      final Map<String, Entry> entries =
          entries(Files.readAllBytes(index), channel.size(), problems);
      problems.throwIfAny();
      final ByteBuffer mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
      return new TensorBundle(data, mapped.order(ByteOrder.LITTLE_ENDIAN), entries);
    } catch (LevelTable.Malformed e) {
      throw BantamException.badInput(index + " is damaged: " + e.getMessage() + ".", e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + index + " and " + data + ": " + e + ".", e);
    }
  }

  private static Map<String, Entry> entries(byte[] index, long length, Problems problems)
      throws LevelTable.Malformed, InvalidProtocolBufferException {
    final Map<String, byte[]> table = LevelTable.read(index);
    final BundleHeaderProto header =
        BundleHeaderProto.parseFrom(table.getOrDefault("", new byte[0]));
    if (header.getNumShards() != 1
        || header.getEndianness() != BundleHeaderProto.Endianness.LITTLE) {
      problems.add(
          "it has "
              + header.getNumShards()
              + " data files, "
              + header.getEndianness()
              + " endian; supported is one, LITTLE endian");
    }
    if (length > Integer.MAX_VALUE) {
      problems.add("its data are " + length + " bytes; supported are up to " + Integer.MAX_VALUE);
    }
    final Map<String, Entry> entries = new LinkedHashMap<>();
    for (final Map.Entry<String, byte[]> row : table.entrySet()) {
      if (!row.getKey().isEmpty()) {
        final BundleEntryProto entry = BundleEntryProto.parseFrom(row.getValue());
        check(row.getKey(), entry, length, problems);
        entries.put(
            row.getKey(),
            new Entry(shape(entry), entry.getOffset(), (int) entry.getSize(), entry.getCrc32C()));
      }
    }
    return Collections.unmodifiableMap(entries);
  }

  private static long[] shape(BundleEntryProto entry) {
    return entry.getShape().getDimList().stream().mapToLong(d -> d.getSize()).toArray();
  }

  private static void check(String name, BundleEntryProto entry, long length, Problems problems) {
    if (entry.getDtype() != DataType.DT_FLOAT || entry.getSlicesCount() > 0) {
      problems.add("'" + name + "' is " + entry.getDtype() + "; whole DT_FLOAT tensors are read");
      return;
    }
    long elements = 1;
    for (final long n : shape(entry)) {
      elements = n < 0 || n > Integer.MAX_VALUE ? -1 : elements * n;
      if (elements < 0 || elements > Integer.MAX_VALUE) {
        problems.add("'" + name + "' has a shape that no tensor has");
        return;
      }
    }
    if (entry.getSize() != elements * Float.BYTES
        || entry.getOffset() < 0
        || entry.getOffset() > length - entry.getSize()) {
      problems.add(
          "'"
              + name
              + "' has "
              + entry.getSize()
              + " bytes at "
              + entry.getOffset()
              + " for "
              + elements
              + " numbers, in a file of "
              + length);
    }
  }

  /** Names, sorted. */
  List<String> names() {
    return new ArrayList<>(entries.keySet());
  }

  /** Shape of one tensor; a copy. */
  long[] shape(String name) {
    return entries.get(name).shape.clone();
  }

  /** One tensor as a new array in C order. */
  INDArray floats(String name) {
    final Entry entry = entries.get(name);
    final FloatBuffer values = values(name, entry);
    return FloatTensors.create(
        entry.shape, (from, tile, count) -> values.get(Math.toIntExact(from), tile, 0, count));
  }

  /** A matrix [in, out] as [out, in]. */
  INDArray transposed(String name) {
    final Entry entry = entries.get(name);
    final FloatBuffer values = values(name, entry);
    final int in = Math.toIntExact(entry.shape[0]);
    final int out = Math.toIntExact(entry.shape[1]);
    return FloatTensors.create(
        new long[] {out, in},
        (from, tile, count) -> {
          for (int i = 0; i < count; i++) {
            final int at = Math.toIntExact(from + i);
            tile[i] = values.get(at % in * out + at / in);
          }
        });
  }

  private FloatBuffer values(String name, Entry entry) {
    final ByteBuffer slice =
        bytes.slice(Math.toIntExact(entry.offset), entry.size).order(ByteOrder.LITTLE_ENDIAN);
    final CRC32C crc = new CRC32C();
    crc.update(slice.duplicate());
    if (Integer.rotateRight((int) crc.getValue(), 15) + MASK != entry.checksum) {
      throw BantamException.badInput(
          data
              + " is damaged: the checksum of '"
              + name
              + "' is another. Delete it and try again.");
    }
    return slice.asFloatBuffer();
  }
}
