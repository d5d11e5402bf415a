package dev.bantam.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.DenseTensor;
import dev.bantam.export.onnx.OnnxWriter;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Operations are stored with the weights, and a file that says something else is refused. */
class PackedOperationsTest {
  private static final String PLACE = "layer.0.ffn.input";
  private static final String WEIGHT = "encoder.layer.0.output.dense.weight";

  @TempDir private Path folder;

  private static INDArray tensor(float... values) {
    return Floats.tensor(values, values.length);
  }

  private static CompressedModel model() {
    return new CompressedModel(
        Map.of(WEIGHT, DenseTensor.float32(Floats.tensor(new float[] {1, -2}, 1, 2))),
        Map.of(
            PLACE,
            new StoredOperation(
                "affine", Map.of("bits", "8"), Map.of("scale", tensor(0.5f, -0f, 3e-39f))),
            "layer.0.attention",
            new StoredOperation("bi-attention", Map.of(), Map.of())));
  }

  @Test
  void operationsComeBack() {
    final Path file = folder.resolve("model.safetensors");
    PackedFile.write(model(), file);
    final Map<String, StoredOperation> read = PackedFile.read(file).operations();
    assertEquals(List.of("layer.0.attention", PLACE), List.copyOf(read.keySet()));
    assertEquals("affine", read.get(PLACE).kind());
    assertEquals(Map.of("bits", "8"), read.get(PLACE).attributes());
    assertArrayEquals(
        new float[] {0.5f, -0f, 3e-39f}, Floats.toArray(read.get(PLACE).tensors().get("scale")));
    assertEquals("bi-attention", read.get("layer.0.attention").kind());
  }

  @Test
  void theBytesOfOperationsAreCounted() throws Exception {
    final Path file = folder.resolve("model.safetensors");
    final long length = PackedFile.write(model(), file).bytes();
    assertEquals(Files.size(file), length);
    final List<PackedFile.Size> sizes = PackedFile.sizes(model(), length);
    assertTrue(sizes.contains(new PackedFile.Size("rest", "values", 12)), sizes.toString());
    assertEquals(length, sizes.stream().mapToLong(PackedFile.Size::bytes).sum());
    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
      assertTrue(opened.entries().containsKey(PLACE + "/scale"));
    }
  }

  @Test
  void aWrongDescriptionIsRefusedByName() {
    final String tensors = "\"tensors\":{\"" + WEIGHT + "\":{\"form\":\"dense\"}}";
    refused("{\"version\":2," + tensors + "}", "lacks the operations");
    refused("{\"version\":1," + tensors + ",\"operations\":{\"a\":{}}}", "does not know");
    refused("{\"version\":2," + tensors + ",\"operations\":{\"a\":{}}}", "operation at 'a'");
    refused(
        "{\"version\":2,"
            + tensors
            + ",\"operations\":{\"a\":{\"operation\":\"x\",\"attributes\":{},\"tensors\":[\"s\"]}}}",
        "'a/s' is missing");
    refused("{\"version\":3," + tensors + "}", "layout version 3");
  }

  private void refused(String description, String expected) {
    final Path file = folder.resolve("wrong.safetensors");
    new SafetensorsWriter()
        .add(WEIGHT, SafetensorsType.F32, Floats.tensor(new float[] {1, 2}, 1, 2))
        .metadata(PackedFile.KEY, description)
        .write(file);
    final BantamException refused =
        assertThrows(BantamException.class, () -> PackedFile.read(file));
    assertEquals(ExitCode.BAD_INPUT, refused.exitCode());
    assertTrue(refused.getMessage().contains(expected), refused.getMessage());
  }

  @Test
  void onnxRefusesWhatItCannotHold() {
    final BantamException refused =
        assertThrows(BantamException.class, () -> OnnxWriter.requirePlain(model()));
    assertEquals(ExitCode.USAGE, refused.exitCode());
    assertTrue(refused.getMessage().contains("[affine, bi-attention]"), refused.getMessage());
  }
}
