package dev.bantam.checkpoint;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * An uncompressed table of sorted keys in LevelDB's format (doc/table_format.md there), as
 * TensorFlow writes the index of a tensor bundle: blocks of entries whose keys share a prefix with
 * the one before, an index of the blocks, and a footer that names it.
 */
final class LevelTable {
  private static final int FOOTER = 48;
  private static final long MAGIC = 0xdb4775248b80fb57L;
  private static final int RESTART = Integer.BYTES;

  private LevelTable() {}

  /** What is wrong with a table. */
  static final class Malformed extends Exception {
    private static final long serialVersionUID = 1L;

    Malformed(String message) {
      super(message);
    }
  }

  /** Where a block is, its trailer apart. */
  private record Handle(long offset, long size) {}

  /** A consumer of entries that may find something wrong. */
  private interface Sink {
    void accept(byte[] key, ByteBuffer value) throws Malformed;
  }

  /**
   * All entries.
   *
   * @return values by key, as UTF-8, in the table's order
   */
  static Map<String, byte[]> read(byte[] file) throws Malformed {
    if (file.length < FOOTER) {
      throw new Malformed("it has " + file.length + " bytes, a table has at least " + FOOTER);
    }
    final ByteBuffer all = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    if (all.getLong(file.length - Long.BYTES) != MAGIC) {
      throw new Malformed("it does not end as a LevelDB table does");
    }
    final Map<String, byte[]> entries = new LinkedHashMap<>();
    try {
      final ByteBuffer footer = all.slice(file.length - FOOTER, FOOTER);
      handle(footer); // of the block of filters, which bundles do not have
      block(
          all,
          handle(footer),
          (last, handle) ->
              block(
                  all,
                  handle(handle),
                  (key, value) -> {
                    final byte[] bytes = new byte[value.remaining()];
                    value.get(bytes);
                    entries.put(new String(key, StandardCharsets.UTF_8), bytes);
                  }));
    } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
      throw new Malformed("an entry reaches beyond its block");
    }
    return entries;
  }

  private static Handle handle(ByteBuffer from) throws Malformed {
    return new Handle(varint(from), varint(from));
  }

  private static void block(ByteBuffer file, Handle at, Sink sink) throws Malformed {
    if (at.offset < 0 || at.size < RESTART || at.offset > file.capacity() - at.size - 1) {
      throw new Malformed("a block of " + at.size + " bytes at " + at.offset + " is not in it");
    }
    if (file.get((int) (at.offset + at.size)) != 0) {
      throw new Malformed("it is compressed");
    }
    final ByteBuffer block =
        file.slice((int) at.offset, (int) at.size).order(ByteOrder.LITTLE_ENDIAN);
    final int restarts = block.getInt(block.capacity() - RESTART);
    if (restarts < 0 || restarts > block.capacity() / RESTART - 1) {
      throw new Malformed("a block of " + at.size + " bytes claims " + restarts + " restarts");
    }
    block.limit(block.capacity() - RESTART * (restarts + 1));
    byte[] key = {};
    while (block.hasRemaining()) {
      final int shared = length(block);
      final int own = length(block);
      final int value = length(block);
      if (shared > key.length || own > block.remaining()) {
        throw new Malformed("a key shares " + shared + " bytes with one of " + key.length);
      }
      key = Arrays.copyOf(key, shared + own);
      block.get(key, shared, own);
      sink.accept(key, block.slice(block.position(), value));
      block.position(block.position() + value);
    }
  }

  private static int length(ByteBuffer from) throws Malformed {
    final long value = varint(from);
    if (value < 0 || value > from.capacity()) {
      throw new Malformed("a length of " + value + " is larger than its block");
    }
    return (int) value;
  }

  /** Seven bits a byte, the lowest first; the eighth says that more follow. */
  private static long varint(ByteBuffer from) throws Malformed {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      final byte next = from.get();
      value |= (long) (next & 0x7f) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new Malformed("a number is longer than 64 bits");
  }
}
