"""Names that Keras resolves to its own code.

Taken from keras 3.15.1 (public classes; operations; functions that configurations name) and, for
files of Keras 1 and 2, from tf_keras 2.21 (what it deserializes by name) and from the layers that
Keras 1 had. Classes that carry or load code (`Lambda`, `TorchModuleWrapper`, `JaxLayer`,
`FlaxLayer`, `TFSMLayer`; `ResidualWrapper` and `DropoutWrapper`, which rebuild functions from byte
code; `TensorFlowOpLayer`, which runs any operator) are left out.
"""

_CLASSES = """
AUC AWQConfig AWQDTypePolicy AbsMaxQuantizer AbstractRNNCell Accuracy Activation
ActivityRegularization Adadelta Adafactor Adagrad Adam AdamW Adamax AdaptiveAveragePooling1D
AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention AugMix AutoCastVariable
AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D
AvgPool3D BatchNormalization BatchNormalizationV1 BatchNormalizationV2 Bidirectional BinaryAccuracy
BinaryCrossentropy BinaryFocalCrossentropy BinaryIoU Bucketize CTC CategoricalAccuracy
CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy
CategoricalHinge CategoryEncoding CenterCrop Circle ClassMethod Concatenate ConcordanceCorrelation
Constant ConstantV2 Constraint Container ContrastLimitedAdaptiveHistogramEqualization Conv1D
Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D
Convolution1D Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D
Convolution3DTranspose CosineDecay CosineDecayRestarts CosineSimilarity Cropping1D Cropping2D
Cropping3D CuDNNGRU CuDNNLSTM CutMix DTypePolicy DTypePolicyMap Dense DenseFeatures DepthwiseConv1D
DepthwiseConv2D Dice Discretization Dot Dropout DynamicLossScale ELU EinsumDense Embedding
Equalization ExponentialDecay ExponentialMovingAverage F1Score FBetaScore FalseNegatives
FalsePositives FixedLossScale Flatten Float8QuantizationConfig FloatDTypePolicy Ftrl Functional
GPTQConfig GPTQDTypePolicy GRU GRUCell GRUV1 GRUV2 GaussianDropout GaussianNoise
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D
GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D GlorotNormal GlorotUniform GlorotUniformV2 GroupNormalization
GroupQueryAttention HashedCrossing Hashing HeNormal HeNormalV2 HeUniform Highway Hinge Huber
Identity IdentityInitializer InputLayer InputSpec InstanceMethod InstanceProperty Int4DTypePolicy
Int4QuantizationConfig Int8QuantizationConfig IntegerLookup InverseTimeDecay IoU KLDivergence L1
L1L2 L2 LSTM LSTMCell LSTMV1 LSTMV2 Lamb LayerNormLSTMCell LayerNormalization LeakyReLU
LearningRateSchedule LecunNormal LecunUniform LinearModel Lion LocallyConnected1D
LocallyConnected2D LogCosh LogCoshError LossScaleOptimizer LossScaleOptimizerV3 Masking MaxNorm
MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum
MaxoutDense Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanMetricWrapper
MeanRelativeError MeanSquaredError MeanSquaredLogarithmicError MelSpectrogram Merge MinMaxNorm
Minimum MixUp Model MultiHeadAttention MultiOptimizer Multiply Muon Nadam NadamV2 Network NonNeg
Normalization OneHotIoU OneHotMeanIoU Ones OnesV2 OptimizerMap Orthogonal OrthogonalInitializer
OrthogonalRegularizer PReLU PearsonCorrelation PeepholeLSTMCell Permute PiecewiseConstantDecay
Pipeline Poisson Policy PolicyV1 PolynomialDecay Precision PrecisionAtRecall QuantizationConfig
QuantizedDTypePolicy QuantizedFloat8DTypePolicy R2Score RMSNormalization RMSprop RNN RNNV2
RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop
RandomElasticTransform RandomErasing RandomFlip RandomFourierFeatures RandomGaussianBlur
RandomGrayscale RandomHeight RandomHue RandomInvert RandomNormal RandomNormalV2 RandomPerspective
RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
RandomUniform RandomWidth RandomZoom ReLU Recall RecallAtPrecision Regularizer RepeatVector
Rescaling Reshape Resizing ReversibleEmbedding RootMeanSquaredError SGD SGDW STFT STFTInitializer
STFTSpectrogram ScheduleFreeAdamW SeedGenerator SensitivityAtSpecificity SeparableConv1D
SeparableConv2D SeparableConvolution1D SeparableConvolution2D SequenceFeatures Sequential SimpleRNN
SimpleRNNCell SlicingOpLambda Softmax Solarization SparseCategoricalAccuracy
SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpatialDropout1D SpatialDropout2D
SpatialDropout3D SpecificityAtSensitivity SpectralNormalization SquaredHinge StackedRNNCells
StaticHashTable StringLookup Subtract Sum SumOverBatchSize SyncBatchNormalization TFOpLambda
TextVectorization ThresholdedReLU TimeDistributed TimeDistributedDense TopKCategoricalAccuracy
TrueNegatives TruePositives TruncatedNormal Tversky UnitNorm UnitNormalization UpSampling1D
UpSampling2D UpSampling3D VarianceScaling WideDeepModel ZeroPadding1D ZeroPadding2D ZeroPadding3D
AddLoss AddMetric BatchNormalizationBase DeviceWrapper GRUCellV1 GRUCellV2 GlorotNormalV2
HeUniformV2 IdentityV2 LSTMCellV1 LSTMCellV2 LecunNormalV2 LecunUniformV2 MeanTensor OrthogonalV2
RadialConstraint RandomUniformV2 TruncatedNormalV2 VarianceScalingV2 radial_constraint
Zeros ZerosV2 constant glorot_normal glorot_uniform he_normal he_uniform identity l1 l1_l2 l2
lecun_normal lecun_uniform max_norm min_max_norm non_neg ones orthogonal orthogonal_regularizer
random_normal random_uniform stft truncated_normal unit_norm variance_scaling zeros
"""
_OPERATIONS = """
Abs Absolute AdaptiveAveragePool AdaptiveMaxPool Add AffineTransform All AllClose Amax Amin Angle
Any Append Arange Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Argmax Argmin Argpartition
Argsort Array ArraySplit AssociativeScan Average AveragePool BatchNorm BinaryCrossentropy Bincount
BitwiseAnd BitwiseInvert BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor
BroadcastTo CDist CTCDecode CTCLoss Cast CategoricalCrossentropy Cbrt Ceil Celu Cholesky
CholeskyInverse Clip Concatenate Cond Conj Conjugate Conv ConvTranspose ConvertToTensor Copy
Corrcoef Correlate Cos Cosh CountNonzero CropImages Cross Cumprod Cumsum Deg2rad DepthToSpace
DepthwiseConv Det Diag Diagflat Diagonal Diff Digitize Divide DivideNoNan Dot DotProductAttention
Dsplit Dstack Eig Eigh Einsum ElasticTransform Elu EmptyLike Equal Erf Erfc Erfinv Exp Exp2
ExpandDims Expm1 ExtractPatches ExtractSequences FFT FFT2 Fabs Flip Fliplr Flipud Floor FloorDivide
Fmax Fmin Fmod Fold ForiLoop Full FullLike Function GaussianBlur Gcd Gelu Geomspace GetItem Glu
Greater GreaterEqual HSVToRGB HardShrink HardSigmoid HardSilu HardTanh Heaviside Histogram Hsplit
Hstack Hypot I0 IFFT2 IRFFT ISTFT Imag InTopK Inner Inv IsIn Isclose Isfinite Isinf Isnan Isneginf
Isposinf Isreal JVP Kron LayerNorm Lcm Ldexp LeakyRelu LeftShift Less LessEqual Linspace Log Log10
Log1p Log2 LogSigmoid LogSoftmax Logaddexp Logaddexp2 Logdet LogicalAnd LogicalNot LogicalOr
LogicalXor Logspace Logsumexp Lstsq LuFactor Map MapCoordinates Matmul MatrixRank Max MaxPool
Maximum Mean Median Meshgrid Min Minimum Mod Moments Moveaxis MultiHot Multiply NanToNum Nanargmax
Nanargmin Nancumprod Nancumsum Nanmax Nanmean Nanmedian Nanmin Nanpercentile Nanprod Nanquantile
Nanstd Nansum Nanvar Ndim Negative Nextafter Nonzero Norm Normalize NotEqual OneHot OnesLike Outer
PSNR Pad PadImages Percentile PerspectiveTransform Pinv Polar Power Prod Ptp Qr Quantile RFFT
RGBToGrayscale RGBToHSV RMSNorm Rad2deg Ravel Real Rearrange Reciprocal Relu Relu6 Repeat Reshape
Resize RightShift Roll Rot90 Round Rsqrt SSIM STFT SVD SaturateCast ScaleAndTranslate Scan Scatter
ScatterUpdate SearchSorted SegmentMax SegmentMin SegmentProd SegmentReduction SegmentSum Select
Selu SeparableConv Sigmoid Sign Signbit Silu Sin Sinc Sinh Size Slice SliceUpdate Slogdet
SobelEdges SoftShrink Softmax Softplus Softsign Solve SolveTriangular Sort SpaceToDepth
SparseCategoricalCrossentropy SparsePlus SparseSigmoid Sparsemax Split Sqrt Square Squareplus
Squeeze Stack Std StopGradient Subtract Sum Swapaxes Switch Take TakeAlongAxis Tan Tanh TanhShrink
Tensordot Threshold Tile TopK Trace Transpose Trapezoid Tril Triu TrueDivide Trunc Unfold Unique
UnravelIndex Unstack Vander Var Vdot VectorizedMap View ViewAsComplex ViewAsReal Vsplit Vstack
Where WhileLoop ZerosLike
"""
_FUNCTIONS = """
binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy
categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy
categorical_hinge celu circle concordance_correlation constant cosine_similarity ctc dice elu
exponential gelu glorot_normal glorot_uniform glu hard_shrink hard_sigmoid hard_silu hard_swish
hard_tanh he_normal he_uniform hinge huber identity kl_divergence l1 l1_l2 l2 leaky_relu
lecun_normal lecun_uniform linear log_cosh log_sigmoid log_softmax max_norm mean_absolute_error
mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error min_max_norm mish
non_neg ones orthogonal orthogonal_regularizer pearson_correlation poisson random_normal
random_uniform relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign
sparse_categorical_accuracy sparse_categorical_crossentropy sparse_plus sparse_sigmoid
sparse_top_k_categorical_accuracy sparsemax squared_hinge squareplus stft swish tanh tanh_shrink
KLD MAE MAPE MSE MSLE kld kullback_leibler_divergence logcosh mae mape mse msle
threshold top_k_categorical_accuracy truncated_normal tversky unit_norm variance_scaling zeros
"""

# Keras 2.11 to 2.15 register these of their own in the package meant for other people's.
_REGISTERED = """
Adadelta Adafactor Adagrad Adam AdamW Adamax CustomScaleLayer Ftrl Lion Nadam RMSprop SGD
SharpnessAwareMinimization
"""

CLASSES = frozenset((_CLASSES + _OPERATIONS).split()) | {
    f"Custom>{name}" for name in _REGISTERED.split()
}
FUNCTIONS = frozenset(_FUNCTIONS.split())
OPTIMIZERS = frozenset(
    (
        "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam",
        "RMSprop", "SGD",
    )
)  # fmt: skip
