package example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.TensorSelector;
import dev.bantam.export.PackedFile;
import dev.bantam.mixedprecision.RoundToNearest;
import dev.bantam.mixedprecision.WeightFormat;
import dev.bantam.reader.Form;
import dev.bantam.reader.PackedModel;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompressTest {
  private static final String NAME = "encoder.layer.0.output.dense.weight";

  @Test
  void compressesWritesAndLoads(@TempDir Path folder) throws IOException {
    float[] weights = new float[32 * 128];
    Random random = new Random(1);
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (float) random.nextGaussian();
    }
    CompressionState state =
        new CompressionState(Map.of(NAME, Floats.tensor(weights, 32, 128)), 1L);
    new RoundToNearest(
            new TensorSelector(List.of(NAME), List.of()), WeightFormat.of(8, OptionalInt.of(64)))
        .apply(state);
    CompressedModel compressed = state.finish();
    PackedFile.write(compressed, folder.resolve("model.safetensors"));
    try (PackedModel model = PackedModel.open(folder)) {
      assertEquals(Form.GROUPED, model.form(NAME));
      float[] restored = model.floats(NAME);
      assertArrayEquals(Floats.toArray(compressed.dense().get(NAME)), restored);
      // half a step of 1/127 of the largest weight of a group, which is below 6
      assertArrayEquals(weights, restored, 6f / 127 / 2);
    }
  }
}
