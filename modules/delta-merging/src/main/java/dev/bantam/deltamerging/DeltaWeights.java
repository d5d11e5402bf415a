package dev.bantam.deltamerging;

import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.WeightSource;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The weights of a model that is stored as a delta, each restored when it is asked for. */
public final class DeltaWeights implements WeightSource {
  private final Path path;
  private final DeltaFile file;
  private final Map<String, INDArray> base;

  /**
   * @param base the base's tensors; must stay open as long as this
   */
  public DeltaWeights(Path path, Map<String, INDArray> base) {
    this.path = path;
    this.file = DeltaFile.open(path);
    this.base = base;
  }

  @Override
  public Set<String> names() {
    return new TreeSet<>(file.names());
  }

  @Override
  public long[] shape(String name) {
    return file.shape(name);
  }

  @Override
  public String unreadableType(String name) {
    return "";
  }

  @Override
  public INDArray floats(String name) {
    return file.tensor(name, base);
  }

  @Override
  public String sha256() {
    return SafetensorsFile.sha256(path);
  }

  @Override
  public void close() {
    file.close();
  }
}
