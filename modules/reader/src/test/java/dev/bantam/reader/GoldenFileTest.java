package dev.bantam.reader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/** A file of the first layout, written once: it stays readable, to the values stated beside it. */
class GoldenFileTest {
  @Test
  void theFirstLayoutIsRead() throws IOException {
    final Path folder = Resources.path("packed/version-1");
    final JsonNode expected = Resources.json(folder.resolve("expected.json")).path("tensors");
    final Set<Form> forms = EnumSet.noneOf(Form.class);
    try (PackedModel model = PackedModel.open(folder)) {
      final List<String> names = new ArrayList<>();
      for (final Map.Entry<String, JsonNode> tensor : expected.properties()) {
        final String name = tensor.getKey();
        names.add(name);
        assertEquals(tensor.getValue().path("form").asText(), model.form(name).label(), name);
        assertArrayEquals(
            StreamSupport.stream(tensor.getValue().path("shape").spliterator(), false)
                .mapToLong(JsonNode::longValue)
                .toArray(),
            model.shape(name),
            name);
        check(tensor.getValue().path("values"), model.floats(name), name);
        forms.add(model.form(name));
      }
      assertEquals(names, List.copyOf(model.names()));
    }
    assertEquals(EnumSet.allOf(Form.class), forms);
  }

  /** Equal bits: every number is written with all its digits, and -0.0 with its sign. */
  private static void check(JsonNode expected, float[] values, String name) {
    assertEquals(expected.size(), values.length, name);
    for (int i = 0; i < values.length; i++) {
      assertEquals(
          Float.floatToRawIntBits(Float.parseFloat(expected.get(i).asText())),
          Float.floatToRawIntBits(values[i]),
          name + " " + i);
    }
  }
}
