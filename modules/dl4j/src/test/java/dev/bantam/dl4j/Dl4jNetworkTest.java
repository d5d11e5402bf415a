package dev.bantam.dl4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.dl4j.Dl4jNetwork.UpdaterState;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.RnnOutputLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.SimpleRnn;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.api.preprocessor.NormalizerStandardize;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.lossfunctions.LossFunctions.LossFunction;

/** Zips: written by DL4J and read here, written here and read by DL4J, and those of others. */
class Dl4jNetworkTest {
  @TempDir private Path folder;
  private Path file;
  private MultiLayerNetwork network;
  private Map<String, byte[]> content;

  @BeforeEach
  void trainAndSave() throws IOException {
    network = Networks.dense();
    final INDArray rows = Nd4j.create(Networks.rows(9, 5, 1));
    final DataSet data = new DataSet(rows, Networks.oneHot(new int[] {0, 1, 2, 0, 1, 2, 0, 1, 2}));
    network.fit(data);
    file = folder.resolve("net.v2.zip");
    ModelSerializer.writeModel(network, file.toFile(), true);
    content = new LinkedHashMap<>();
    try (ZipFile zip = new ZipFile(file.toFile())) {
      zip.stream()
          .forEach(
              entry -> {
                try {
                  content.put(entry.getName(), zip.getInputStream(entry).readAllBytes());
                } catch (IOException e) {
                  throw new IllegalStateException(e);
                }
              });
    }
  }

  @Test
  void saysWhatItHolds() {
    final Dl4jNetwork read = Dl4jNetwork.open(file);
    assertEquals("net.v2", read.name());
    assertEquals("net.v2.zip", read.source());
    assertEquals("MultiLayerNetwork", read.type());
    assertEquals(3, read.outputs());
    assertEquals(new NumberRows(5, false), read.rows());
    assertEquals(64, read.sha256().length());
    assertEquals(read.sha256(), Dl4jNetwork.open(file).sha256());
    network.params().putScalar(0, 3);
    final Path other = folder.resolve("other.zip");
    try {
      ModelSerializer.writeModel(network, other.toFile(), true);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    assertFalse(read.sha256().equals(Dl4jNetwork.open(other).sha256()));
  }

  @Test
  void whatIsSavedIsLoadedByDl4j() throws IOException {
    final Dl4jNetwork read = Dl4jNetwork.open(file);
    final Path saved = folder.resolve("saved.zip");
    final Path again = folder.resolve("again.zip");
    try (Dl4jModel model = read.model()) {
      final float[] w = Floats.toArray(model.parameters().get("network.0.W"));
      w[3 * 5 + 2] = 0.25f; // from input 2 to output 3
      Floats.of(model.parameters().get("network.0.W")).write(0, w, 0, w.length);
      read.save(saved, model.parameters(), UpdaterState.KEEP);
      read.save(again, model.parameters(), UpdaterState.KEEP);
    }
    assertArrayEquals(Files.readAllBytes(saved), Files.readAllBytes(again));
    final MultiLayerNetwork theirs = ModelSerializer.restoreMultiLayerNetwork(saved.toFile(), true);
    network.getParam("0_W").putScalar(2, 3, 0.25f);
    assertEquals(network.params(), theirs.params());
    assertEquals(network.getUpdater().getStateViewArray(), theirs.getUpdater().getStateViewArray());
    assertEquals(network.getIterationCount(), theirs.getIterationCount());
  }

  @Test
  void aGraphComesBack() throws IOException {
    final ComputationGraph graph = Networks.graph();
    ModelSerializer.writeModel(graph, file.toFile(), false);
    final Dl4jNetwork read = Dl4jNetwork.open(file);
    assertEquals("ComputationGraph", read.type());
    final Path saved = folder.resolve("saved.zip");
    try (Dl4jModel model = read.model()) {
      assertTrue(model.parameters().containsKey("network.left_1.W"));
      read.save(saved, model.parameters(), UpdaterState.DROP);
    }
    assertEquals(graph.params(), ModelSerializer.restoreComputationGraph(saved.toFile()).params());
  }

  @Test
  void theUpdatersStateIsLeftOutOnDemand() throws IOException {
    final Dl4jNetwork read = Dl4jNetwork.open(file);
    final Path saved = folder.resolve("saved.zip");
    try (Dl4jModel model = read.model()) {
      read.save(saved, model.parameters(), UpdaterState.DROP);
    }
    try (ZipFile zip = new ZipFile(saved.toFile())) {
      assertEquals(2, zip.size());
    }
    assertEquals(
        network.params(), ModelSerializer.restoreMultiLayerNetwork(saved.toFile(), true).params());
  }

  @Test
  void aNormalizerIsCopied() throws IOException {
    final NormalizerStandardize normalizer = new NormalizerStandardize();
    normalizer.fit(new DataSet(Nd4j.create(Networks.rows(9, 5, 1)), Nd4j.ones(9, 3)));
    ModelSerializer.addNormalizerToModel(file.toFile(), normalizer);
    final Dl4jNetwork read = Dl4jNetwork.open(file);
    assertEquals("[normalizer.bin]", read.copied().toString());
    final Path saved = folder.resolve("saved.zip");
    try (Dl4jModel model = read.model()) {
      read.save(saved, model.parameters(), UpdaterState.DROP);
    }
    assertEquals(normalizer, ModelSerializer.restoreNormalizerFromFile(saved.toFile()));
  }

  /** The refusal of a zip with some entries replaced; it has the exit code of bad input. */
  private String refusal(String entry, byte[] bytes) {
    content.put(entry, bytes);
    return refusal();
  }

  private String refusal() {
    return refusal(zip());
  }

  private Path zip() {
    final Path zip = folder.resolve("hostile.zip");
    try (OutputStream out = Files.newOutputStream(zip);
        ZipOutputStream entries = new ZipOutputStream(out)) {
      for (Map.Entry<String, byte[]> one : content.entrySet()) {
        entries.putNextEntry(new ZipEntry(one.getKey()));
        entries.write(one.getValue());
        entries.closeEntry();
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return zip;
  }

  private static String refusal(Path zip) {
    final BantamException refused =
        assertThrows(BantamException.class, () -> Dl4jNetwork.open(zip));
    assertEquals(ExitCode.BAD_INPUT, refused.exitCode());
    return refused.getMessage();
  }

  private static void assertSays(String part, String message) {
    assertTrue(message.contains(part), message);
  }

  @Test
  void otherFilesAreRefused() throws IOException {
    assertSays("does not exist", refusal(folder.resolve("none.zip")));
    final Path text = folder.resolve("text.zip");
    Files.writeString(text, "no zip at all");
    assertSays("no readable zip", refusal(text));
    final byte[] whole = Files.readAllBytes(file);
    final Path half = folder.resolve("half.zip");
    Files.write(half, java.util.Arrays.copyOf(whole, whole.length / 2));
    assertSays("no readable zip", refusal(half));
  }

  @Test
  void whatIsMissingIsNamed() {
    content.remove("coefficients.bin");
    assertSays("lacks coefficients.bin", refusal());
    content.clear();
    content.put("data.csv", new byte[3]);
    assertSays("lacks configuration.json and coefficients.bin", refusal());
  }

  @Test
  void entriesThatPointOutsideAreRefused() {
    assertSays("points out of the zip", refusal("../../etc/passwd", new byte[1]));
    content.remove("../../etc/passwd");
    assertSays("points out of the zip", refusal("a/../../b", new byte[1]));
    content.remove("a/../../b");
    assertSays("points out of the zip", refusal("/a", new byte[1]));
    content.remove("/a");
    assertSays("points out of the zip", refusal("..\\a", new byte[1]));
  }

  @Test
  void bombsAreRefused() {
    assertSays("unpacks to more than", refusal("configuration.json", new byte[17 << 20]));
    content.put(
        "configuration.json",
        network.getLayerWiseConfigurations().toJson().getBytes(StandardCharsets.UTF_8));
    assertSays("unpacks to more than", refusal("updaterState.bin", new byte[1 << 20]));
    content.remove("updaterState.bin");
    assertSays("unpacks to more than", refusal("normalizer.bin", new byte[65 << 20]));
    content.put("normalizer.bin", new byte[40 << 20]);
    assertSays("'preprocessor.bin' unpacks", refusal("preprocessor.bin", new byte[40 << 20]));
  }

  /** A row of coefficients as ND4J writes it, with what the header claims chosen freely. */
  private static byte[] coefficients(long claimed, String type, int written) {
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeUTF("LONG_SHAPE");
      out.writeLong(8);
      out.writeUTF("LONG");
      for (long value : new long[] {2, 1, claimed, 1, 1, 8192, 1, 99}) {
        out.writeLong(value);
      }
      out.writeUTF("MIXED_DATA_TYPES");
      out.writeLong(claimed);
      out.writeUTF(type);
      for (int i = 0; i < written; i++) {
        out.writeFloat(0.5f);
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return bytes.toByteArray();
  }

  @Test
  void coefficientsAreReadAsFarAsTheConfigurationAsksFor() {
    final int n = Math.toIntExact(network.numParams());
    content.put("coefficients.bin", coefficients(n, "FLOAT", n));
    try (Dl4jModel good = Dl4jNetwork.open(zip()).model()) { // the form itself is fine
      assertEquals(0.5f, good.parameters().get("network.2.b").getFloat(2));
    }
    assertSays(
        "9223372036854775807 coefficients",
        refusal("coefficients.bin", coefficients(Long.MAX_VALUE, "FLOAT", 3)));
    assertSays("end too early", refusal("coefficients.bin", coefficients(n, "FLOAT", n - 1)));
    assertSays("bytes follow", refusal("coefficients.bin", coefficients(n, "FLOAT", n + 1)));
    assertSays("as DOUBLE", refusal("coefficients.bin", coefficients(n, "DOUBLE", 2 * n)));
    assertSays("end too early", refusal("coefficients.bin", new byte[0]));
    assertSays(
        "damaged",
        refusal(
            "coefficients.bin", "nonsense that is long enough".getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void numbersThatAreNoneAreNamed() {
    network.params().putScalar(network.numParams() - 1, Float.NaN);
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      Nd4j.write(network.params(), out);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    assertSays(
        "'network.2.b' holds NaN at position 2", refusal("coefficients.bin", bytes.toByteArray()));
  }

  private String withConfiguration(String from, String to) {
    final String json = network.getLayerWiseConfigurations().toJson();
    assertTrue(json.contains(from), json);
    return refusal("configuration.json", json.replace(from, to).getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void classesOfOthersAreNotLoaded() {
    assertSays(
        "names the class 'javax.script.ScriptEngineManager'",
        withConfiguration(
            "org.deeplearning4j.nn.conf.layers.OutputLayer", "javax.script.ScriptEngineManager"));
    assertSays(
        "is not JSON",
        withConfiguration(
            "\"@class\" : \"org.deeplearning4j.nn.conf.layers.OutputLayer\"",
            "\"@class\" : \"javax.script.A\", \"@class\" :"
                + " \"org.deeplearning4j.nn.conf.layers.OutputLayer\""));
    assertSays("is not JSON", refusal("configuration.json", "{".getBytes(StandardCharsets.UTF_8)));
    assertSays(
        "neither of a", refusal("configuration.json", "{}".getBytes(StandardCharsets.UTF_8)));
    assertSays(
        "DL4J cannot read",
        refusal("configuration.json", "{\"confs\": 3}".getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void sizesThatNobodyHasAreRefused() {
    assertSays(
        "layer '1' has 8 inputs and 2147483648 outputs",
        withConfiguration("\"nout\" : 6", "\"nout\" : 2147483648"));
    final String json =
        network
            .getLayerWiseConfigurations()
            .toJson()
            .replace("\"nin\" : 5", "\"nin\" : 16777215")
            .replace("\"nout\" : 8", "\"nout\" : 16777215");
    assertSays(
        "more than 536870911 parameters",
        refusal("configuration.json", json.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void otherNetworksAreRefusedByName() throws IOException {
    final MultiLayerNetwork labels =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .list()
                .layer(new SimpleRnn.Builder().nIn(3).nOut(4).activation(Activation.TANH).build())
                .layer(
                    new RnnOutputLayer.Builder(LossFunction.MCXENT)
                        .nIn(4)
                        .nOut(2)
                        .activation(Activation.SOFTMAX)
                        .build())
                .build());
    labels.init();
    ModelSerializer.writeModel(labels, file.toFile(), false);
    final String message = refusal(file);
    assertSays("layer '0' is a SimpleRnn", message);
    assertSays("layer '1' is a RnnOutputLayer", message);
  }

  @Test
  void otherLossesAndNumbersAreRefused() throws IOException {
    final MultiLayerNetwork regression =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .dataType(DataType.DOUBLE)
                .list()
                .layer(
                    new OutputLayer.Builder(LossFunction.MSE)
                        .nIn(4)
                        .nOut(1)
                        .activation(Activation.IDENTITY)
                        .build())
                .build());
    regression.init();
    ModelSerializer.writeModel(regression, file.toFile(), false);
    final String message = refusal(file);
    assertSays("identity with the loss LossMSE()", message);
    assertSays("its numbers are DOUBLE", message);
  }
}
