package dev.bantam.reader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Malformed and awkward files, with what the reference reader (safetensors 0.8.0) made of them. */
class SafetensorsFixturesTest {
  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"safetensors-files-s1", "safetensors-files-s2"})
  void refusesAndAcceptsWhatTheReferenceDoes(String name) throws IOException {
    final Path fixture = Resources.path("quantization/" + name);
    int refused = 0;
    int accepted = 0;
    for (final Map.Entry<String, JsonNode> entry :
        Resources.json(fixture.resolve("case.json")).path("expected").properties()) {
      final Path folder = Files.createDirectory(temp.resolve(entry.getKey()));
      Files.copy(
          fixture.resolve("files/" + entry.getKey() + ".safetensors"),
          folder.resolve("model.safetensors"));
      if (entry.getValue().path("outcome").asText().equals("refuse")) {
        refuse(folder);
        refused++;
      } else {
        accepted++;
        // the reference takes the last of two equal names, another reader may take the first
        if (entry.getKey().equals("accept-duplicate_name")) {
          refuse(folder);
        } else {
          accept(folder, entry.getValue().path("tensors"));
        }
      }
    }
    assertEquals(35, refused);
    assertEquals(21, accepted);
  }

  private static void refuse(Path folder) {
    final PackedModelException e =
        assertThrows(
            PackedModelException.class, () -> PackedModel.open(folder).close(), folder.toString());
    assertEquals(folder.resolve("model.safetensors"), e.file());
    assertTrue(e.getMessage().length() > e.file().toString().length() + 20, e.getMessage());
  }

  private static void accept(Path folder, JsonNode tensors) throws IOException {
    try (PackedModel model = PackedModel.open(folder)) {
      assertEquals(tensors.size(), model.names().size(), folder.toString());
      for (final Map.Entry<String, JsonNode> tensor : tensors.properties()) {
        final String name = tensor.getKey();
        final JsonNode expected = tensor.getValue();
        assertArrayEquals(
            StreamSupport.stream(expected.path("shape").spliterator(), false)
                .mapToLong(JsonNode::longValue)
                .toArray(),
            model.shape(name));
        assertEquals(Form.DENSE, model.form(name));
        if (model.isFloat(name)) {
          final float[] values = model.floats(name);
          assertEquals(expected.path("values").size(), values.length);
          for (int i = 0; i < values.length; i++) {
            assertEquals(expected.path("values").get(i).doubleValue(), values[i], 0, name);
          }
        } else {
          assertTrue(expected.path("dtype").asText().matches("[IU](8|64)"), expected.toString());
          Refusals.refused(
              () -> model.floats(name), name, expected.path("dtype").asText(), "F32, F16 and BF16");
        }
      }
    }
  }
}
