package dev.bantam.reader;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.function.Executable;

/** That something is refused, and that the message helps. */
final class Refusals {
  private Refusals() {}

  /** Opens a folder and reads every tensor of it. */
  static Executable reading(Path folder) {
    return () -> {
      try (PackedModel model = PackedModel.open(folder)) {
        for (final String name : model.names()) {
          model.floats(name);
        }
      }
    };
  }

  /** Checks that the message names the tensor and everything else that is given. */
  static void refused(Executable reading, String tensor, String... parts) {
    final PackedModelException e = assertThrows(PackedModelException.class, reading);
    Assertions.assertEquals(Optional.ofNullable(tensor), e.tensor(), e.getMessage());
    assertTrue(e.getMessage().startsWith(e.file().toString()), e.getMessage());
    assertTrue(tensor == null || e.getMessage().contains("'" + tensor + "'"), e.getMessage());
    for (final String part : parts) {
      assertTrue(e.getMessage().contains(part), "'" + part + "' in: " + e.getMessage());
    }
  }
}
