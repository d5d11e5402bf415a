package dev.bantam.reader;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A file of a model folder is damaged, incomplete, or of a kind that is not read here.
 *
 * <p>The message names the file, the tensor if one is concerned, and what is wrong. Failures of the
 * file system itself (no permission, a broken disk) come as other {@link IOException}s.
 */
public final class PackedModelException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String file;
  private final String tensor;

  PackedModelException(Path file, String tensor, String problem) {
    super(file + ": " + (tensor == null ? "" : "tensor '" + tensor + "': ") + problem);
    this.file = file.toString();
    this.tensor = tensor;
  }

  /** The file or folder that was read. */
  public Path file() {
    return Path.of(file);
  }

  /** The tensor concerned, or nothing where the file as a whole is wrong. */
  public Optional<String> tensor() {
    return Optional.ofNullable(tensor);
  }
}
