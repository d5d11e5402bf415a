package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import onnx.Onnx;

/**
 * The files beside an ONNX file that hold tensors of it. A location is a relative path that stays
 * in the folder; what a tensor claims is compared with the file's length before anything is mapped.
 */
final class OnnxExternalData {
  private final Optional<Path> folder;
  private final SortedMap<String, Path> files = new TreeMap<>();

  /**
   * @param folder the ONNX file's folder, empty if it does not lie in one
   */
  OnnxExternalData(Optional<Path> folder) {
    this.folder = folder;
  }

  /** The files that were found, by location. */
  SortedMap<String, Path> files() {
    return Collections.unmodifiableSortedMap(files);
  }

  /** What keeps {@code bytes} bytes of a tensor from being read, or empty. */
  Optional<String> problem(Onnx.TensorProto tensor, long bytes) {
    final String location = value(tensor, "location");
    final Optional<Path> file = file(location);
    if (file.isEmpty()) {
      return Optional.of(
          "is said to lie in '"
              + location
              + "', which is no relative path inside the model's folder");
    }
    if (!Files.isRegularFile(file.get())) {
      return Optional.of(
          "lies in '" + location + "', which is missing; copy it into " + folder.orElseThrow());
    }
    files.put(location, file.get());
    try {
      final long size = Files.size(file.get());
      final long offset = number(tensor, "offset", 0);
      final long length = number(tensor, "length", size - offset);
      if (offset < 0 || length < 0 || offset > size - length) {
        return Optional.of(
            "lies at offset "
                + value(tensor, "offset")
                + " with length "
                + value(tensor, "length")
                + " in '"
                + location
                + "', which has "
                + size
                + " bytes");
      }
      if (length != bytes) {
        return Optional.of(
            "has "
                + length
                + " bytes in '"
                + location
                + "', its shape "
                + tensor.getDimsList()
                + " needs "
                + bytes);
      }
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of("lies in '" + location + "', which cannot be read: " + e.getMessage());
    }
  }

  private Optional<Path> file(String location) {
    if (folder.isEmpty() || location.isEmpty() || location.indexOf('\\') >= 0) {
      return Optional.empty();
    }
    try {
      final Path relative = Path.of(location);
      final Path normal = relative.normalize();
      return relative.isAbsolute() || normal.startsWith("..") || normal.toString().isEmpty()
          ? Optional.empty()
          : Optional.of(folder.get().resolve(normal));
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  /** The bytes of a tensor without {@link #problem}. */
  ByteBuffer map(Onnx.TensorProto tensor, long bytes) {
    final Path file = file(value(tensor, "location")).orElseThrow();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, number(tensor, "offset", 0), bytes);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  /** The number under a key; -1 if there is something that is none. */
  private static long number(Onnx.TensorProto tensor, String key, long otherwise) {
    final String text = value(tensor, key);
    if (text.isEmpty()) {
      return otherwise;
    }
    return text.matches("[0-9]{1,18}") ? Long.parseLong(text) : -1;
  }

  private static String value(Onnx.TensorProto tensor, String key) {
    return tensor.getExternalDataList().stream()
        .filter(e -> e.getKey().equals(key))
        .map(Onnx.StringStringEntryProto::getValue)
        .findFirst()
        .orElse("");
  }
}
