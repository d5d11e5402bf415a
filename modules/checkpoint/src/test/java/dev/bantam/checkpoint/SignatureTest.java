package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SignatureTest {
  private static final Signature OTHER =
      new Signature("tokens", "visible", Optional.empty(), "states");

  @TempDir Path temp;

  private Path folder() {
    return Cases.copy(Cases.folder("encoders/bert-storage-variants/plain"), temp.resolve("model"));
  }

  private static Checkpoint with(Signature signature, Checkpoint m) {
    return new Checkpoint(
        m.name(),
        m.architecture(),
        m.head(),
        m.pooling(),
        m.normalize(),
        m.maxLength(),
        m.parameters(),
        m.tokenizer(),
        signature,
        m.provenance());
  }

  @Test
  void aFolderKeepsOtherNames() {
    final Path folder = folder();
    final Checkpoint model = HuggingFaceFolder.read(folder, Progress.NONE);
    assertEquals(Signature.STANDARD, model.signature());
    HuggingFaceFiles.write(folder, model);
    assertFalse(Cases.json(folder.resolve("config.json")).has("bantam_onnx"));
    HuggingFaceFiles.write(folder, with(OTHER, model));
    final JsonNode names = Cases.json(folder.resolve("config.json")).path("bantam_onnx");
    assertEquals("tokens", names.path("input_ids").textValue());
    assertFalse(names.has("token_type_ids"));
    assertEquals(OTHER, HuggingFaceFolder.read(folder, Progress.NONE).signature());
    final Signature three = new Signature("a", "b", Optional.of("c"), "d");
    HuggingFaceFiles.write(folder, with(three, model));
    assertEquals(three, HuggingFaceFolder.read(folder, Progress.NONE).signature());
  }

  @Test
  void refusesWhatIsNoSignature() throws IOException {
    final Path folder = folder();
    final Path config = folder.resolve("config.json");
    HuggingFaceFiles.write(folder, with(OTHER, HuggingFaceFolder.read(folder, Progress.NONE)));
    final String good = Files.readString(config);
    for (final String bad : new String[] {"\"tokens\"", "7", "\"\"", "null", "[]"}) {
      Files.writeString(config, good.replace("\"visible\"", bad));
      Cases.refused(
          () -> HuggingFaceFolder.read(folder, Progress.NONE), "config.json", "'bantam_onnx'");
    }
    assertThrows(
        IllegalArgumentException.class, () -> new Signature("a", "b", Optional.of("a"), "c"));
  }
}
