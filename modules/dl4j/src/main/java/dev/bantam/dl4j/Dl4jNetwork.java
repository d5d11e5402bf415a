package dev.bantam.dl4j;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Hashes;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A network of DL4J as a zip holds it: a {@code MultiLayerNetwork} or a {@code ComputationGraph}
 * that classifies rows of numbers.
 */
public final class Dl4jNetwork {
  private final String name;
  private final String source;
  private final NetworkConfiguration configuration;
  private final INDArray row;
  private final Map<String, byte[]> copied;
  private final String sha256;

  private Dl4jNetwork(
      String source, NetworkConfiguration configuration, INDArray row, Map<String, byte[]> copied) {
    this.source = source;
    this.name = source.replaceFirst("(?i)\\.zip$", "");
    this.configuration = configuration;
    this.row = row;
    this.copied = copied;
    this.sha256 = hash();
  }

  /** What becomes of the updater's state (momentum and the like) when a network is saved. */
  public enum UpdaterState {
    /** Saved as it was: a training goes on as if the weights had not been changed. */
    KEEP,
    /** Left out: a training starts with a fresh state. */
    DROP
  }

  /** Whether a name is that of a zip, and not of a folder or of another model. */
  public static boolean isZip(Path file) {
    return file.toString().toLowerCase(Locale.ROOT).endsWith(".zip") && !Files.isDirectory(file);
  }

  /**
   * Reads a zip that DL4J's {@code ModelSerializer} wrote.
   *
   * @throws BantamException (bad input) if it is missing, damaged or hostile, or holds a network
   *     that is none of the kinds known here
   */
  public static Dl4jNetwork open(Path file) {
    if (!Files.isRegularFile(file)) {
      throw BantamException.badInput(
          file
              + (Files.exists(file) ? " is no file." : " does not exist.")
              + " Check the path; relative ones start at the working folder.");
    }
    final String source = file.getFileName().toString();
    try (NetworkZip zip = NetworkZip.open(file)) {
      final NetworkConfiguration configuration =
          new NetworkConfiguration(zip.configuration(), source);
      final INDArray row =
          zip.read(
              NetworkZip.COEFFICIENTS,
              in -> Coefficients.read(in, configuration.parameters(), source));
      final Map<String, byte[]> copied = new LinkedHashMap<>();
      if (zip.has(NetworkZip.UPDATER)) {
        copied.put(
            NetworkZip.UPDATER,
            zip.bytes(NetworkZip.UPDATER, mostOfUpdater(configuration.parameters())));
      }
      zip.others().forEach(other -> copied.put(other, zip.copied(other)));
      final Dl4jNetwork network = new Dl4jNetwork(source, configuration, row, copied);
      network.requireFinite();
      return network;
    }
  }

  /** No updater of DL4J keeps more than four numbers for each parameter. */
  private static int mostOfUpdater(int parameters) {
    return (int) Math.min(Integer.MAX_VALUE - 16, 4096 + 4L * Float.BYTES * parameters);
  }

  private void requireFinite() {
    try (Dl4jModel model = model()) {
      model.parameters().forEach(this::requireFinite);
    }
  }

  private void requireFinite(String parameter, INDArray tensor) {
    final float[] values = Floats.toArray(tensor);
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw BantamException.badInput(
            source
                + ": '"
                + parameter
                + "' holds "
                + values[i]
                + " at position "
                + i
                + ", so the network predicts nothing. Its training went wrong: train it again with"
                + " a lower learning rate.");
      }
    }
  }

  private String hash() {
    final MessageDigest digest = Hashes.sha256();
    digest.update(configuration.json().getBytes(StandardCharsets.UTF_8));
    digest.update(Coefficients.write(row));
    return Hashes.hex(digest);
  }

  /** The file's name without its ending. */
  public String name() {
    return name;
  }

  /** The file's name. */
  public String source() {
    return source;
  }

  /** SHA-256 of structure and weights, lower-case hex. */
  public String sha256() {
    return sha256;
  }

  /** {@code MultiLayerNetwork} or {@code ComputationGraph}. */
  public String type() {
    return configuration.isGraph() ? "ComputationGraph" : "MultiLayerNetwork";
  }

  /** Number of classes. */
  public int outputs() {
    return configuration.outputs();
  }

  /** How rows of numbers are read. */
  public NumberRows rows() {
    return new NumberRows(configuration.input().size(), configuration.input().series());
  }

  /**
   * Names of what the zip holds beside the network and is saved as it was, such as a normalizer.
   */
  public List<String> copied() {
    return copied.keySet().stream().filter(n -> !n.equals(NetworkZip.UPDATER)).toList();
  }

  /** A live model over a copy of the weights; the caller closes it. */
  public Dl4jModel model() {
    final Floats copy = Floats.of(Nd4j.createUninitialized(row.dataType(), row.shape()));
    copy.copy(0, Floats.of(row), 0, copy.length());
    return new Dl4jModel(configuration, name, copy.array());
  }

  /**
   * Saves the network with other weights, as a zip that DL4J loads. The same weights give the same
   * bytes.
   *
   * @param weights all parameters by name, in Bantam's shapes
   * @param updater what becomes of the updater's state
   */
  public void save(Path file, Map<String, INDArray> weights, UpdaterState updater) {
    final Map<String, byte[]> content = new LinkedHashMap<>();
    content.put(NetworkZip.CONFIGURATION, configuration.json().getBytes(StandardCharsets.UTF_8));
    try (Dl4jModel model = model()) {
      model.load(weights);
      content.put(NetworkZip.COEFFICIENTS, Coefficients.write(model.row()));
    }
    copied.forEach(
        (entry, bytes) -> {
          if (updater == UpdaterState.KEEP || !entry.equals(NetworkZip.UPDATER)) {
            content.put(entry, bytes);
          }
        });
    NetworkZip.write(file, content);
  }
}
