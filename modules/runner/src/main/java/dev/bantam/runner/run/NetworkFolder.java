package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.compression.CompressedModel;
import dev.bantam.dl4j.Dl4jNetwork.UpdaterState;
import dev.bantam.export.ModelFolder;
import dev.bantam.export.PackedFile;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.Floats;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The folder of a compressed DL4J network: {@code network.zip}, which DL4J loads, with every weight
 * in float32; {@code model.safetensors}, the same weights packed; a card. Bantam reads the
 * structure from the one and the weights from the other.
 */
final class NetworkFolder {
  /** In a manifest: the hash of the zip that DL4J loads. */
  static final String ZIP_HASH = "dl4j_sha256";

  private NetworkFolder() {}

  /**
   * Writes the weights both ways, reads both back and compares them with what was written, bit for
   * bit.
   *
   * @param folder exists and is empty
   * @param network whose structure and other content the zip gets
   * @param updater what becomes of the updater's state
   * @return the network as the folder gives it
   */
  static SavedNetwork write(
      Path folder, SavedNetwork network, CompressedModel weights, UpdaterState updater) {
    PackedFile.write(weights, folder.resolve(ModelFolder.WEIGHTS));
    final Map<String, INDArray> dense = weights.dense();
    network.structure().save(folder.resolve(SavedNetwork.ZIP), dense, updater);
    final SavedNetwork zip = SavedNetwork.open(folder.resolve(SavedNetwork.ZIP));
    requireSame(dense, zip.parameters());
    final SavedNetwork packed = SavedNetwork.open(folder);
    requireSame(dense, packed.parameters());
    Bench.free(dense);
    return packed;
  }

  private static void requireSame(Map<String, INDArray> written, Map<String, INDArray> read) {
    written.forEach(
        (name, tensor) -> {
          if (!Arrays.equals(Floats.toArray(tensor), Floats.toArray(read.get(name)))) {
            throw new IllegalStateException(
                "'" + name + "' read back differs from what was written");
          }
        });
  }

  /** Says what the files are, and that they were compared. */
  static void describe(Path folder, ObjectNode manifest) {
    manifest.put("file", ModelFolder.WEIGHTS);
    manifest.put("file_sha256", SafetensorsFile.sha256(folder.resolve(ModelFolder.WEIGHTS)));
    manifest.put("dl4j", SavedNetwork.ZIP);
    manifest.put(ZIP_HASH, SafetensorsFile.sha256(folder.resolve(SavedNetwork.ZIP)));
    manifest.put("compared", "all parameters of both files, equal to the bit");
  }

  /** Writes the card. */
  static void card(Path folder, String card) {
    AtomicFiles.write(folder.resolve(ModelFolder.CARD), card);
  }

  /** How to use such a folder, Markdown. */
  static String usage(SavedNetwork network) {
    return "`"
        + SavedNetwork.ZIP
        + "` holds all weights in float32 and is loaded by DL4J alone: `ModelSerializer.restore"
        + network.structure().type()
        + "(file)`. `"
        + ModelFolder.WEIGHTS
        + "` holds the same weights packed, to the bit; sizes are those of that file. "
        + ModelCard.PACKED
        + " `./bantam evaluate FOLDER --task TASK.yaml` scores them.\n\n";
  }
}
