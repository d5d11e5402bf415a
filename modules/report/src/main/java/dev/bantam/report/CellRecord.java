package dev.bantam.report;

import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/**
 * The {@code result.json} of one cell. Hash-stable: holds no time, path, thread count or host.
 *
 * @param cell which one
 * @param key SHA-256 over everything that went into the cell, 64 lower-case hex digits
 * @param result what was measured; empty if the cell failed
 * @param error why the cell failed; empty if it did not
 */
public record CellRecord(
    CellId cell, String key, Optional<CellResult> result, Optional<String> error) {
  /** Version of the file format. */
  public static final int VERSION = 1;

  public CellRecord {
    Objects.requireNonNull(cell, "cell");
    requireHash("key", key);
    if (result.isPresent() == error.isPresent()) {
      throw new IllegalArgumentException("A cell has either a result or an error");
    }
  }

  /** The record of a cell that was evaluated. */
  public static CellRecord ok(CellId cell, String key, CellResult result) {
    return new CellRecord(cell, key, Optional.of(result), Optional.empty());
  }

  /** The record of a cell that could not be finished. */
  public static CellRecord failed(CellId cell, String key, String error) {
    return new CellRecord(cell, key, Optional.empty(), Optional.of(error));
  }

  /**
   * Reads a {@code result.json}.
   *
   * @throws BantamException (bad input) naming the file and the key if it is missing or damaged
   */
  public static CellRecord read(Path file) {
    return CellJson.read(file);
  }

  /**
   * Writes a {@code result.json}: UTF-8, keys in a fixed order, a newline at the end, the same
   * bytes for equal records on every Java version. Replaces what is there, whole or not at all.
   */
  public void write(Path file) {
    Json.write(file, CellJson.toJson(this));
  }

  static void requireHash(String name, String value) {
    if (!value.matches("[0-9a-f]{64}")) {
      throw new IllegalArgumentException(
          name + " must be 64 lower-case hex digits, not '" + value + "'");
    }
  }
}
