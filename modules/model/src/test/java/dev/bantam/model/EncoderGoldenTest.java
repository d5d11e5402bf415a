package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.MaskedLanguageHead;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Hidden states, pooling and heads against transformers (golden cases). */
class EncoderGoldenTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  static Stream<String> hiddenStatesAndPooling() {
    return GoldenCases.all("encoders", c -> c.has("hidden_states") && c.hasModel("model"));
  }

  @ParameterizedTest
  @MethodSource
  void hiddenStatesAndPooling(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final Checkpoint checkpoint = golden.checkpoint("model");
    final Batch batch = golden.packed(checkpoint.architecture());
    final EncoderModel model =
        GoldenCase.model(checkpoint, Optional.empty(), Pooling.MEAN, WORKERS);
    if (golden.masksPaddingOnly(checkpoint.architecture().padTokenId())) {
      assertArrayEquals(model.encode(batch), model.encode(golden.batch()), "numbered by the model");
    }
    final List<INDArray> states = model.hiddenStates(batch);
    final int size = batch.tokens() * checkpoint.architecture().hiddenSize();
    final double[] expected = golden.numbers("hidden_states");
    assertEquals(states.size() * size, expected.length);
    for (int i = 0; i < states.size(); i++) {
      golden.check(
          "hidden_states",
          Arrays.copyOfRange(expected, i * size, (i + 1) * size),
          Floats.toArray(states.get(i)),
          name + " state " + i);
    }
    golden.check(
        "sentence_embedding.mean",
        golden.numbers("sentence_embedding.mean"),
        model.embed(batch, true),
        name + " mean");
    pooled(golden, checkpoint, Pooling.CLS, "sentence_embedding.cls", batch);
    if (golden.has("pooler_output")) {
      pooled(golden, checkpoint, Pooling.POOLER, "pooler_output", batch);
    }
    if (golden.has("attention_probabilities_layer0")) {
      probabilities(golden, model, batch);
    }
  }

  /** Of layer 0, between visible tokens. */
  private static void probabilities(GoldenCase golden, EncoderModel model, Batch batch) {
    final String what = "attention_probabilities_layer0";
    final double[] padded = golden.numbers(what);
    final int heads = golden.shape(what)[1];
    final int n = golden.shape(what)[2];
    final double[] expected = new double[padded.length];
    int count = 0;
    for (int s = 0; s < batch.sequences(); s++) {
      for (int head = 0; head < heads; head++) {
        for (int q = batch.offsets()[s]; q < batch.offsets()[s + 1]; q++) {
          for (int k = batch.offsets()[s]; k < batch.offsets()[s + 1]; k++) {
            final int row = ((s * heads + head) * n + batch.positions()[q]) * n;
            expected[count++] = padded[row + batch.positions()[k]];
          }
        }
      }
    }
    golden.check(
        what,
        Arrays.copyOf(expected, count),
        model.siteValues(batch, List.of(model.site("layer.0.attention.probabilities"))).get(0),
        what);
  }

  /** Rows whose first column is masked cannot be given by an engine that drops masked tokens. */
  private static void pooled(
      GoldenCase golden, Checkpoint checkpoint, Pooling pooling, String what, Batch batch) {
    final float[] got =
        GoldenCase.model(checkpoint, Optional.empty(), pooling, WORKERS)
            .embed(batch, pooling == Pooling.CLS);
    final double[] expected = golden.numbers(what);
    final int d = checkpoint.architecture().hiddenSize();
    int compared = 0;
    for (int row = 0; row < batch.sequences(); row++) {
      if (golden.firstVisible(row)) {
        golden.check(
            what,
            Arrays.copyOfRange(expected, row * d, (row + 1) * d),
            Arrays.copyOfRange(got, row * d, (row + 1) * d),
            what + " row " + row);
        compared++;
      }
    }
    assertTrue(compared > 0, "no row compared");
  }

  static Stream<String> rowsBesideAFullyMaskedOne() {
    return GoldenCases.all(
        "encoders", c -> c.has("eager.last_hidden_state") && c.hasModel("model"));
  }

  /** A row without a visible token cannot be in a packed batch; the other rows are unaffected. */
  @ParameterizedTest
  @MethodSource
  void rowsBesideAFullyMaskedOne(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final Checkpoint checkpoint = golden.checkpoint("model");
    final List<Integer> rows = golden.visibleRows();
    assertTrue(!rows.isEmpty(), "no visible row");
    assertTrue(rows.size() < golden.shape("attention_mask")[0], "no masked row");
    final Batch batch = golden.batch();
    final float[] got =
        GoldenCase.model(checkpoint, Optional.empty(), Pooling.MEAN, WORKERS).encode(batch);
    final double[] all = golden.numbers("eager.last_hidden_state");
    final int d = checkpoint.architecture().hiddenSize();
    final int n = golden.shape("attention_mask")[1];
    int sequence = 0;
    for (int t = 0; t < batch.tokens(); t++) {
      sequence += t == batch.offsets()[sequence + 1] ? 1 : 0;
      final int from = (rows.get(sequence) * n + batch.positions()[t]) * d;
      golden.check(
          "eager.last_hidden_state",
          Arrays.copyOfRange(all, from, from + d),
          Arrays.copyOfRange(got, t * d, (t + 1) * d),
          "token " + t);
    }
  }

  static Stream<String> headLogits() {
    return GoldenCases.all("encoders", c -> c.hasModel("seqcls"));
  }

  @ParameterizedTest
  @MethodSource
  void headLogits(String name) {
    int compared = 0;
    for (String head : List.of("seqcls", "regression", "multilabel")) {
      final GoldenCase golden = new GoldenCase(name);
      if (golden.hasModel(head)) {
        headLogits(golden, head);
        compared++;
      }
    }
    assertTrue(compared > 0, "no head");
  }

  static Stream<String> tokenLogits() {
    return GoldenCases.all("encoders", c -> c.hasModel("tokcls"));
  }

  /** Every visible token, and some of them, which must give the same numbers. */
  @ParameterizedTest
  @MethodSource
  void tokenLogits(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final Checkpoint checkpoint = golden.checkpoint("tokcls");
    final int classes = golden.shape("tokcls.logits")[1];
    final Optional<Head> head =
        Optional.of(
            new Head(
                Head.Kind.TOKEN_LABEL,
                IntStream.range(0, classes).mapToObj(c -> "c" + c).toList()));
    final Batch batch = golden.batch();
    final EncoderModel model = GoldenCase.model(checkpoint, head, Pooling.MEAN, WORKERS);
    final Model.Outputs outputs = model.outputs(batch);
    assertEquals(batch.tokens(), outputs.rows());
    golden.check("tokcls.logits", golden.numbers("tokcls.logits"), outputs.values(), name);
    final double[] padded = golden.numbers("tokcls.labels");
    final double[] mask = golden.numbers("attention_mask");
    final double[] labels =
        IntStream.range(0, mask.length)
            .filter(i -> mask[i] != 0)
            .mapToDouble(i -> padded[i])
            .toArray();
    final int[] read = IntStream.range(0, labels.length).filter(t -> t % 3 == 1).toArray();
    final Batch some =
        new Batch(batch.ids(), batch.typeIds(), batch.positions(), batch.offsets(), read);
    final float[] values = model.outputs(some).values();
    for (int r = 0; r < read.length; r++) {
      for (int c = 0; c < classes; c++) {
        assertEquals(outputs.values()[read[r] * classes + c], values[r * classes + c]);
      }
    }
    final int[] labelled = IntStream.range(0, labels.length).filter(t -> labels[t] >= 0).toArray();
    assertTrue(labelled.length > 1, "no token with a label");
    final double loss =
        model.gradients(
            new Batch(batch.ids(), batch.typeIds(), batch.positions(), batch.offsets(), labelled),
            GradientGoldenTest.loss(
                Head.Kind.TOKEN_LABEL, Arrays.stream(labels).filter(l -> l >= 0).toArray()),
            Model.Regularization.NONE,
            (parameter, gradient) -> {});
    golden.check(
        "tokcls.loss", golden.numbers("tokcls.loss"), new float[] {(float) loss}, name + " loss");
  }

  private static void headLogits(GoldenCase golden, String head) {
    final Checkpoint checkpoint = golden.checkpoint(head);
    final Head.Kind kind =
        switch (head) {
          case "regression" -> Head.Kind.REGRESSION;
          case "multilabel" -> Head.Kind.MULTI_LABEL;
          default -> Head.Kind.SINGLE_LABEL;
        };
    assertEquals(kind, checkpoint.head().orElseThrow().kind());
    final EncoderModel model =
        GoldenCase.model(checkpoint, checkpoint.head(), checkpoint.pooling(), WORKERS);
    golden.check(
        head + ".logits",
        golden.numbers(head + ".logits"),
        model.outputs(golden.batch()).values(),
        head);
    final double loss =
        model.gradients(
            golden.batch(),
            GradientGoldenTest.loss(kind, golden.numbers(head + ".labels")),
            Model.Regularization.NONE,
            (parameter, gradient) -> {});
    golden.check(head + ".loss", golden.numbers(head + ".loss"), new float[] {(float) loss}, head);
  }

  static Stream<String> wordsBehindMaskedTokens() {
    return GoldenCases.all("encoders", c -> c.hasModel("mlm"));
  }

  /** Logits of every word of the vocabulary for every visible token. */
  @ParameterizedTest
  @MethodSource
  void wordsBehindMaskedTokens(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final Checkpoint checkpoint = golden.checkpoint("mlm");
    final String folder = golden.folder.resolve("mlm").toString();
    final MaskedLanguageHead head =
        Models.maskedLanguageHead(folder, checkpoint, Models.Options.DEFAULT).orElseThrow();
    final EncoderModel encoder =
        GoldenCase.model(checkpoint, Optional.empty(), Pooling.MEAN, WORKERS);
    final Batch batch = golden.packed(checkpoint.architecture());
    final int[] all = IntStream.range(0, batch.tokens()).toArray();
    golden.check(
        "mlm.logits",
        golden.numbers("mlm.logits"),
        new MaskedLanguageModel(encoder, head, WORKERS).logits(batch, all),
        name);
    final String other = golden.folder.resolve("seqcls").toString();
    assertTrue(
        Models.maskedLanguageHead(other, golden.checkpoint("seqcls"), Models.Options.DEFAULT)
            .isEmpty());
  }

  static Stream<String> storageVariants() {
    return GoldenCases.all(
        "encoders", c -> c.description.path("parameters").path("folders").isObject());
  }

  /** One model stored in many ways: each folder gives the numbers that the case states for it. */
  @ParameterizedTest
  @MethodSource
  void storageVariants(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final List<String> compared = new ArrayList<>();
    golden
        .description
        .path("parameters")
        .path("folders")
        .fieldNames()
        .forEachRemaining(
            folder -> {
              final Checkpoint checkpoint = golden.checkpoint(folder);
              for (String what :
                  List.of(
                      folder + ".logits",
                      folder + ".pooler_output",
                      folder + ".last_hidden_state")) {
                if (golden.has(what)) {
                  golden.check(what, golden.numbers(what), variant(what, checkpoint, golden), what);
                  compared.add(what);
                }
              }
            });
    assertTrue(compared.size() >= 12, "compared " + compared);
  }

  private static float[] variant(String what, Checkpoint checkpoint, GoldenCase golden) {
    if (what.endsWith(".logits")) {
      return GoldenCase.model(checkpoint, checkpoint.head(), checkpoint.pooling(), WORKERS)
          .outputs(golden.batch())
          .values();
    }
    final EncoderModel model =
        GoldenCase.model(checkpoint, Optional.empty(), Pooling.POOLER, WORKERS);
    return what.endsWith(".pooler_output")
        ? model.embed(golden.batch(), false)
        : model.encode(golden.batch());
  }

  static Stream<String> textsToVectors() {
    return GoldenCases.all("encoders", c -> c.description.path("inputs").path("texts").isArray());
  }

  @ParameterizedTest
  @MethodSource
  void textsToVectors(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final Checkpoint checkpoint = golden.checkpoint("model");
    final List<Encoding> encodings = new ArrayList<>();
    golden
        .description
        .path("inputs")
        .path("texts")
        .forEach(
            text ->
                encodings.add(
                    checkpoint
                        .tokenizer()
                        .orElseThrow()
                        .encode(text.textValue(), checkpoint.maxLength())));
    final float[] got =
        GoldenCase.model(checkpoint, Optional.empty(), checkpoint.pooling(), WORKERS)
            .embed(Batch.of(encodings), checkpoint.normalize());
    golden.check("embeddings", golden.numbers("embeddings"), got, name);
  }
}
