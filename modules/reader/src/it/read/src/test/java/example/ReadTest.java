package example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.bantam.reader.Form;
import dev.bantam.reader.PackedModel;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ReadTest {
  @Test
  void loadsAPackedFolder() throws IOException {
    try (PackedModel model = PackedModel.open(Path.of(System.getProperty("packed")))) {
      assertEquals(Form.GROUPED, model.form("grouped.none"));
      assertArrayEquals(new long[] {1, 5}, model.shape("grouped.none"));
      assertArrayEquals(new float[] {-4f, -0.5f, 0f, 0.5f, 3.5f}, model.floats("grouped.none"));
    }
  }

  /** The reader is the only jar that came along. */
  @Test
  void nothingElseIsThere() {
    for (String name :
        new String[] {
          "org.slf4j.Logger", "com.fasterxml.jackson.core.JsonParser", "dev.bantam.tensor.Floats"
        }) {
      assertThrows(ClassNotFoundException.class, () -> Class.forName(name));
    }
  }
}
