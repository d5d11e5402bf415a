package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.export.ModelFolder;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A classifier as Hugging Face's library saves one ({@code BertForSequenceClassification} with
 * {@code id2label}) from evaluation to the exported file, without any training.
 */
class ClassifierFolderTest {
  @TempDir private Path temporary;
  private Tiny tiny;

  /** Gives the tiny model a head with random weights. */
  @BeforeEach
  void withHead() {
    tiny = Tiny.in(temporary);
    final Path weights = tiny.model().resolve("model.safetensors");
    final SafetensorsWriter writer = new SafetensorsWriter();
    try (SafetensorsFile encoder = SafetensorsFile.open(weights)) {
      for (String name : encoder.entries().keySet()) {
        writer.add("bert." + name, SafetensorsType.F32, encoder.floats(name));
      }
      writer.add("classifier.weight", SafetensorsType.F32, Floats.tensor(random(30), 2, 15));
      writer.add("classifier.bias", SafetensorsType.F32, Floats.tensor(random(2), 2));
      writer.write(weights);
    }
    final String config = Tiny.read(tiny.model().resolve("config.json"));
    tiny.write(
        Tiny.MODEL + "/config.json",
        config
            .replace("\"BertModel\"", "\"BertForSequenceClassification\"")
            .replaceFirst("\\{", "{\"id2label\": {\"0\": \"no\", \"1\": \"yes\"},"));
  }

  private static float[] random(int length) {
    final Random random = new Random(3);
    final float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private List<String[]> dev() {
    return Tiny.read(tiny.folder().resolve("signs-dev.tsv"))
        .lines()
        .skip(1)
        .map(row -> row.split("\t", -1))
        .toList();
  }

  private List<Encoding> encodings(Checkpoint model) {
    return dev().stream()
        .map(row -> model.tokenizer().orElseThrow().encode(row[0], model.maxLength()))
        .toList();
  }

  private static float[] logits(Checkpoint model, List<Encoding> texts) {
    try (Workers workers = new Workers(1);
        EncoderModel encoder =
            new EncoderModel(
                model.architecture(), model.head(), model.pooling(), model.parameters(), workers)) {
      return encoder.outputs(Batch.of(texts)).values();
    }
  }

  private String accuracy(float[] logits) {
    int right = 0;
    for (int i = 0; i < dev().size(); i++) {
      final String label = logits[2 * i] >= logits[2 * i + 1] ? "no" : "yes";
      right += label.equals(dev().get(i)[1]) ? 1 : 0;
    }
    return String.format(Locale.ROOT, "accuracy %.6f", (double) right / dev().size());
  }

  @Test
  void itIsEvaluatedCompressedAndExportedAsItIs() {
    Outcome.of("evaluate", tiny.model(), "--task", tiny.task()).code(0).prints("accuracy 0.");
    final Path recipe = tiny.write("int8.yaml", "- quantize: {bits: 8}\n");
    final Path small = temporary.resolve("small");
    Outcome.of("compress", tiny.model(), "--recipe", recipe, "--task", tiny.task(), "-o", small)
        .code(0)
        .prints("dev accuracy ", "predictions changed");
    final String scored = Outcome.of("evaluate", small, "--task", tiny.task()).code(0).out();

    final Checkpoint packed = ModelFolder.open(small.toString(), Models.Options.DEFAULT);
    final List<Encoding> texts = encodings(packed);
    final float[] expected = logits(packed, texts);
    assertTrue(scored.contains(accuracy(expected)), scored);
    for (String format : List.of("onnx", "onnx-int8", "onnx-int4")) {
      final Path file = temporary.resolve(format + ".onnx");
      Outcome.of("export", small, "--format", format, "-o", file).code(0);
      try (OrtFile model = new OrtFile(file)) {
        // 0.17 was seen where activations and tables are rounded; logits go up to 3
        final float tolerance = format.equals("onnx") ? 1e-5f : 0.4f;
        assertArrayEquals(expected, model.run(texts), tolerance, format);
      }
    }
    final Path file = temporary.resolve("onnx.onnx"); // names its labels itself
    Outcome.of("evaluate", file, "--task", tiny.task()).code(0).prints(accuracy(expected));
    Outcome.of("inspect", file).code(0).prints("head: [no, yes]", "pooler pooling");
    assertEquals(packed.head(), Models.open(file.toString(), Models.Options.DEFAULT).head());
  }
}
