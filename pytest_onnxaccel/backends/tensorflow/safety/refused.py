"""The operators of TensorFlow that a model must not hold, by what they do.

Those of the registry of TensorFlow 2.21 that are not in :mod:`~.allowed`, and some that older releases had. An operator
on neither list is refused as well; these have a reason.
"""

from __future__ import annotations

from collections.abc import Mapping

READS = "reads files"
WRITES = "writes files"
PYTHON = "runs Python code"
MACHINES = "talks to other machines or devices"
PROGRAMS = "runs a program that the file holds as data"
ENDS = "ends the process"
TPU = "belongs to a TPU"
INTERNAL = "is TensorFlow's own, for use while it runs"
TESTS = "belongs to TensorFlow's own tests"
DATA = "feeds training data"

#: Reasons that the owner of a model may overrule, operator by operator: those compute, in memory, and the functions
#: that they call are looked through like all others.
TRUSTABLE = frozenset({DATA})

_NAMES: Mapping[str, str] = {
    READS: """
        CSVDataset CSVDatasetV2 DTensorRestoreV2 ExperimentalCSVDataset ExperimentalLMDBDataset
        ExperimentalMatchingFilesDataset ExperimentalSqlDataset FileSystemSetConfiguration FixedLengthRecordDataset
        FixedLengthRecordDatasetV2 FixedLengthRecordReader FixedLengthRecordReaderV2 GenerateVocabRemapping
        IdentityReader IdentityReaderV2 ImmutableConst InitializeTableFromTextFile InitializeTableFromTextFileV2
        LMDBDataset LMDBReader ListSnapshotChunksDataset LoadAndRemapMatrix LoadDataset MatchingFiles
        MatchingFilesDataset ReadFile ReaderNumRecordsProduced ReaderNumRecordsProducedV2 ReaderNumWorkUnitsCompleted
        ReaderNumWorkUnitsCompletedV2 ReaderRead ReaderReadUpTo ReaderReadUpToV2 ReaderReadV2 ReaderReset ReaderResetV2
        ReaderRestoreState ReaderRestoreStateV2 ReaderSerializeState ReaderSerializeStateV2 RecordInput Skipgram
        SnapshotChunkDataset SnapshotDatasetReader SnapshotNestedDatasetReader SqlDataset TFRecordDataset
        TFRecordDatasetV2 TFRecordReader TFRecordReaderV2 TextLineDataset TextLineReader TextLineReaderV2
        WholeFileReader WholeFileReaderV2
    """,
    WRITES: """
        CacheDataset CacheDatasetV2 CalibrationStatisticsSaver CloseSummaryWriter Copy CopyHost CreateSummaryDbWriter
        CreateSummaryFileWriter DatasetToTFRecord DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount
        DebugNumericSummary DistributedSave DumpTensor ExperimentalDatasetToTFRecord FlushSummaryWriter ImportEvent
        SaveDataset SaveDatasetV2 SnapshotDataset SnapshotDatasetV2 StatsAggregatorSetSummaryWriter SummaryWriter
        WriteAudioSummary WriteFile WriteGraphSummary WriteHistogramSummary WriteImageSummary WriteRawProtoSummary
        WriteScalarSummary WriteSummary
    """,
    PYTHON: """
        EagerPyFunc PyFunc PyFuncStateless
    """,
    MACHINES: """
        AllToAll BigQueryReader BigtableClient BigtableTable CollectiveAllToAllV2 CollectiveAllToAllV3
        CollectiveAssignGroupV2 CollectiveBcastRecv CollectiveBcastRecvV2 CollectiveBcastSend CollectiveBcastSendV2
        CollectiveGather CollectiveGatherV2 CollectiveInitializeCommunicator CollectivePermute CollectiveReduce
        CollectiveReduceScatterV2 CollectiveReduceV2 CollectiveReduceV3 CopyToMesh CopyToMeshGrad CrossReplicaSum
        DTensorAllGather DTensorAllReduce DTensorAllScatter DTensorAllToAll DTensorReduceScatter
        DTensorSetGlobalTPUArray DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4
        DeleteRpcFutureResource KafkaDataset NcclAllReduce NcclBroadcast NcclReduce Recv RegisterDataset
        RegisterDatasetV2 Relayout RelayoutLike RemoteCall Rpc RpcCall RpcCheckStatus RpcClient RpcGetValue RpcServer
        RpcServerRegister RpcServerStart Send TryRpc WorkerHeartbeat XlaAllReduce XlaRecv XlaRecvFromHost
        XlaReduceScatter XlaSend XlaSendToHost _HostRecv _HostSend _NcclBroadcastRecv _NcclBroadcastSend _NcclReduceRecv
        _NcclReduceSend _Recv _Send _XlaRecvAtHost _XlaRecvAtHostV2 _XlaSendFromHost _XlaSendFromHostV2
    """,
    PROGRAMS: """
        DatasetFromGraph DatasetToGraph DatasetToGraphV2 DeserializeIterator MlirPassthroughOp RemoteFusedGraphExecute
        RewriteDataset SerializeIterator XlaCallModule XlaCustomCall XlaCustomCallV2 XlaHostCompute XlaLaunch
        XlaLaunchV2 _TPUCompileMlir _XlaCompile _XlaCompileMlirPlaceholderProgramKey _XlaHostComputeMlir _XlaMerge
        _XlaRun
    """,
    ENDS: """
        Abort
    """,
    TPU: """
        CollateTPUEmbeddingMemory ComputeDedupDataSize ComputeDedupDataSizeV2 ComputeDedupDataTupleMask
        ComputeDedupDataTupleMaskV2 ConfigureAndInitializeGlobalTPU ConfigureDistributedTPU ConfigureTPUEmbedding
        ConfigureTPUEmbeddingHost ConfigureTPUEmbeddingMemory ConnectTPUEmbeddingHosts ConvertToCooTensor
        ConvertToListOfSparseCoreCooTensors ConvertToSparseCoreCsrWrappedCooTensor
        DynamicEnqueueTPUEmbeddingArbitraryTensorBatch DynamicEnqueueTPUEmbeddingRaggedTensorBatch
        EnqueueTPUEmbeddingArbitraryTensorBatch EnqueueTPUEmbeddingBatch EnqueueTPUEmbeddingIntegerBatch
        EnqueueTPUEmbeddingRaggedTensorBatch EnqueueTPUEmbeddingSparseBatch EnqueueTPUEmbeddingSparseTensorBatch
        ExecuteTPUEmbeddingPartitioner FinalizeTPUEmbedding FinalizeTPUEmbeddingV2 GetMinibatchSplitsWithPhysicalReplica
        GetMinibatchesInCsrWithPhysicalReplica GetStatsFromListOfSparseCoreCooTensors GetTpuTaskId GlobalIterId
        InfeedDequeue InfeedDequeueTuple InfeedEnqueue InfeedEnqueuePrelinearizedBuffer InfeedEnqueueTuple
        IsTPUEmbeddingInitialized LoadAllTPUEmbeddingParameters LoadTPUEmbeddingADAMParameters
        LoadTPUEmbeddingAdadeltaParameters LoadTPUEmbeddingAdagradMomentumParameters LoadTPUEmbeddingAdagradParameters
        LoadTPUEmbeddingCenteredRMSPropParameters LoadTPUEmbeddingFTRLParameters
        LoadTPUEmbeddingFrequencyEstimatorParameters LoadTPUEmbeddingMDLAdagradLightParameters
        LoadTPUEmbeddingMomentumParameters LoadTPUEmbeddingProximalAdagradParameters
        LoadTPUEmbeddingProximalYogiParameters LoadTPUEmbeddingRMSPropParameters
        LoadTPUEmbeddingStochasticGradientDescentParameters MergeDedupData OutfeedDequeue OutfeedDequeueTuple
        OutfeedDequeueTupleV2 OutfeedDequeueV2 OutfeedEnqueue OutfeedEnqueueTuple Prelinearize PrelinearizeTuple
        RecvTPUEmbeddingActivations RetrieveAllTPUEmbeddingParameters RetrieveTPUEmbeddingADAMParameters
        RetrieveTPUEmbeddingAdadeltaParameters RetrieveTPUEmbeddingAdagradMomentumParameters
        RetrieveTPUEmbeddingAdagradParameters RetrieveTPUEmbeddingCenteredRMSPropParameters
        RetrieveTPUEmbeddingFTRLParameters RetrieveTPUEmbeddingFrequencyEstimatorParameters
        RetrieveTPUEmbeddingMDLAdagradLightParameters RetrieveTPUEmbeddingMomentumParameters
        RetrieveTPUEmbeddingProximalAdagradParameters RetrieveTPUEmbeddingProximalYogiParameters
        RetrieveTPUEmbeddingRMSPropParameters RetrieveTPUEmbeddingStochasticGradientDescentParameters
        SendTPUEmbeddingGradients ShutdownDistributedTPU ShutdownTPUSystem SortListOfSparseCoreCooTensors SplitDedupData
        StoreMinibatchStatisticsInFdo TPUAnnotateTensorsWithDynamicShape TPUCompilationResult TPUCompile
        TPUCompileSucceededAssert TPUCopyWithDynamicShape TPUDummyInput TPUEmbeddingActivations TPUExecute
        TPUExecuteAndUpdateVariables TPUOrdinalSelector TPUPartitionedCall TPUPartitionedInput TPUPartitionedInputV2
        TPUPartitionedOutput TPUPartitionedOutputV2 TPUReplicateMetadata TPUReplicatedInput TPUReplicatedOutput
        TPUReshardVariables TPURoundRobin TpuHandleToProtoKey UpdateTaskIdAndGlobalCoreArray
        XlaRecvTPUEmbeddingActivations XlaRecvTPUEmbeddingActivationsV2 XlaRecvTPUEmbeddingDeduplicationData
        XlaRecvTPUEmbeddingDeduplicationDataV2 XlaSendTPUEmbeddingGradients XlaSendTPUEmbeddingGradientsV2
        XlaSparseActivationsUnstack XlaSparseCoreAdagrad XlaSparseCoreAdagradMomentum XlaSparseCoreAdam
        XlaSparseCoreFtrl XlaSparseCoreSgd XlaSparseDenseMatmul
        XlaSparseDenseMatmulCustomCombinerOnTcGradWithAdagradAndCsrInput
        XlaSparseDenseMatmulCustomCombinerOnTcGradWithAdagradMomentumAndCsrInput
        XlaSparseDenseMatmulCustomCombinerOnTcGradWithAdamAndCsrInput
        XlaSparseDenseMatmulCustomCombinerOnTcGradWithCsrInput
        XlaSparseDenseMatmulCustomCombinerOnTcGradWithFtrlAndCsrInput
        XlaSparseDenseMatmulCustomCombinerOnTcGradWithSgdAndCsrInput XlaSparseDenseMatmulCustomCombinerOnTcWithCsrInput
        XlaSparseDenseMatmulGradWithAdagradAndCsrInput XlaSparseDenseMatmulGradWithAdagradAndStaticBufferSize
        XlaSparseDenseMatmulGradWithAdagradMomentumAndCsrInput
        XlaSparseDenseMatmulGradWithAdagradMomentumAndStaticBufferSize XlaSparseDenseMatmulGradWithAdamAndCsrInput
        XlaSparseDenseMatmulGradWithAdamAndStaticBufferSize XlaSparseDenseMatmulGradWithCsrInput
        XlaSparseDenseMatmulGradWithFtrlAndCsrInput XlaSparseDenseMatmulGradWithFtrlAndStaticBufferSize
        XlaSparseDenseMatmulGradWithSgdAndCsrInput XlaSparseDenseMatmulGradWithSgdAndStaticBufferSize
        XlaSparseDenseMatmulWithCsrInput XlaSparseDenseMatmulWithStaticBufferSize XlaSparseGradientsStack
        _ConfigureDistributedTPU _DisconnectHostFromDistributedTPUSystem _InitializeHostForDistributedTPU
        _SetGlobalTPUArray _ShutdownDistributedTPU _TPUReplicate _WaitForDistributedTPU
    """,
    INTERNAL: """
        DeleteSessionTensor GetDeadline GetSessionHandle GetSessionHandleV2 GetSessionTensor IsResourceHandleRefCounting
        MakeWeakResourceHandle RiscAbs RiscAdd RiscBinaryArithmetic RiscBinaryComparison RiscBitcast RiscBroadcast
        RiscCast RiscCeil RiscCholesky RiscConcat RiscCondition RiscConv RiscCos RiscDiv RiscDot RiscExp RiscFft
        RiscFloor RiscGather RiscImag RiscIsFinite RiscLog RiscLogicalAnd RiscLogicalNot RiscLogicalOr RiscMax RiscMin
        RiscMul RiscNeg RiscPad RiscPool RiscPow RiscRandomUniform RiscReal RiscReduce RiscRem RiscReshape RiscReverse
        RiscScatter RiscShape RiscSign RiscSlice RiscSort RiscSqueeze RiscSub RiscTranspose RiscTriangularSolve
        RiscUnary RiscWhile SyncDevice _DeviceArg _DeviceRetval _EagerConst _ReadVariablesOp _ScopedAllocator
        _ScopedAllocatorConcat _ScopedAllocatorSplit _VarHandlesOp _XlaAotOnlyVarHandleOp
        __MklDummyConv2DBackpropFilterWithBias __MklDummyConv2DWithBias __MklDummyPadWithConv2D
        __MklDummyPadWithFusedConv2D
    """,
    TESTS: """
        A Attr AttrBool AttrBoolList AttrDefault AttrEmptyListDefault AttrEnum AttrEnumList AttrFloat AttrListDefault
        AttrListMin AttrListTypeDefault AttrMin AttrPartialShape AttrPartialShapeList AttrShape AttrShapeList
        AttrTypeDefault B Binary CheckPinned ComplexStruct ConstructionFails CopyOp DefaultAttrs DevicePlacementOp
        DtypeWithDefaultOp Fact FakeQueue FiveFloatOutputs FloatInput FloatOutput FloatOutputStringOutput Foo1 Foo2 Foo3
        FuncAttr FuncListAttr GraphDefVersion InPolymorphicTwice Int64Output IntAttr IntInput IntInputFloatInput
        IntInputIntOutput IntOutput IntOutputFloatOutput KernelLabel KernelLabelRequired ListInput ListOutput
        MixedStruct NInPolymorphicTwice NInTwice NInTwoTypeVariables NIntsIn NIntsOut NIntsOutDefault NPolymorphicIn
        NPolymorphicOut NPolymorphicOutDefault NPolymorphicRestrictIn NPolymorphicRestrictOut Namespace>TestStringOutput
        None Old OpWithDefaultAttr OpWithFutureDefaultAttr OutT OutTypeList OutTypeListRestrict Polymorphic
        PolymorphicDefaultOut PolymorphicOut RefIn RefInputFloatInput RefInputFloatInputIntOutput RefInputIntInput
        RefOut RefOutput RefOutputFloatOutput RequiresOlderGraphVersion ReservedAttr ReservedInput ResourceCreateOp
        ResourceInitializedOp ResourceUsingOp Restrict Simple SimpleStruct SleepIdentityOp SleepOp StringListAttr
        StubResourceHandleOp TestAttr TestStringOutput TwoFloatInputs TwoFloatInputsFloatOutput TwoFloatInputsIntOutput
        TwoFloatOutputs TwoIntInputs TwoIntOutputs TwoRefsIn TypeList TypeListRestrict TypeListTwice Unary
    """,
    DATA: """
        AnonymousIterator AnonymousIteratorV2 AnonymousIteratorV3 AnonymousMemoryCache AnonymousMultiDeviceIterator
        AnonymousMultiDeviceIteratorV3 AnonymousRandomSeedGenerator AnonymousSeedGenerator AssertCardinalityDataset
        AssertNextDataset AssertPrevDataset AutoShardDataset BatchDataset BatchDatasetV2 BytesProducedStatsDataset
        ChooseFastestBranchDataset ChooseFastestDataset CompressElement ComputeBatchSize ConcatenateDataset
        DatasetCardinality DatasetFingerprint DatasetToSingleElement DeleteIterator DeleteMemoryCache
        DeleteMultiDeviceIterator DeleteRandomSeedGenerator DeleteSeedGenerator DenseToSparseBatchDataset
        DirectedInterleaveDataset DummyIterationCounter DummyMemoryCache DummySeedGenerator
        ExperimentalAssertNextDataset ExperimentalAutoShardDataset ExperimentalBytesProducedStatsDataset
        ExperimentalChooseFastestDataset ExperimentalDatasetCardinality ExperimentalDenseToSparseBatchDataset
        ExperimentalDirectedInterleaveDataset ExperimentalGroupByReducerDataset ExperimentalGroupByWindowDataset
        ExperimentalIgnoreErrorsDataset ExperimentalIteratorGetDevice ExperimentalLatencyStatsDataset
        ExperimentalMapAndBatchDataset ExperimentalMapDataset ExperimentalMaxIntraOpParallelismDataset
        ExperimentalNonSerializableDataset ExperimentalParallelInterleaveDataset ExperimentalParseExampleDataset
        ExperimentalPrivateThreadPoolDataset ExperimentalRandomDataset ExperimentalRebatchDataset
        ExperimentalScanDataset ExperimentalSetStatsAggregatorDataset ExperimentalSleepDataset
        ExperimentalSlidingWindowDataset ExperimentalStatsAggregatorHandle ExperimentalStatsAggregatorSummary
        ExperimentalTakeWhileDataset ExperimentalThreadPoolDataset ExperimentalThreadPoolHandle
        ExperimentalUnbatchDataset ExperimentalUniqueDataset FilterByLastComponentDataset FilterDataset FinalizeDataset
        FlatMapDataset GeneratorDataset GetElementAtIndex GetOptions GlobalShuffleDataset GroupByReducerDataset
        GroupByWindowDataset IgnoreErrorsDataset IndexFlatMapDataset InitializeTableFromDataset InterleaveDataset
        Iterator IteratorFromStringHandle IteratorFromStringHandleV2 IteratorGetDevice IteratorGetModelProto
        IteratorGetNext IteratorGetNextAsOptional IteratorGetNextSync IteratorToStringHandle IteratorV2
        LatencyStatsDataset LegacyParallelInterleaveDatasetV2 ListDataset MakeIterator MapAndBatchDataset MapDataset
        MaxIntraOpParallelismDataset ModelDataset MultiDeviceIterator MultiDeviceIteratorFromStringHandle
        MultiDeviceIteratorGetNextFromShard MultiDeviceIteratorInit MultiDeviceIteratorToStringHandle
        NonSerializableDataset OneShotIterator OptimizeDataset OptimizeDatasetV2 OptionsDataset PaddedBatchDataset
        PaddedBatchDatasetV2 ParallelBatchDataset ParallelFilterDataset ParallelInterleaveDataset
        ParallelInterleaveDatasetV2 ParallelInterleaveDatasetV3 ParallelInterleaveDatasetV4 ParallelMapDataset
        ParallelMapDatasetV2 ParseExampleDataset ParseExampleDatasetV2 PrefetchDataset PrivateThreadPoolDataset
        RandomDataset RandomDatasetV2 RangeDataset RebatchDataset RebatchDatasetV2 ReduceDataset RepeatDataset
        SamplingDataset ScanDataset SetStatsAggregatorDataset ShardDataset ShuffleAndRepeatDataset
        ShuffleAndRepeatDatasetV2 ShuffleDataset ShuffleDatasetV2 ShuffleDatasetV3 SkipDataset SleepDataset
        SlidingWindowDataset SparseTensorSliceDataset StatsAggregatorHandle StatsAggregatorHandleV2
        StatsAggregatorSummary TakeDataset TakeWhileDataset TensorDataset TensorSliceDataset ThreadPoolDataset
        ThreadPoolHandle UnbatchDataset UncompressElement UniqueDataset UnwrapDatasetVariant WeightedFlatMapDataset
        WindowDataset WrapDatasetVariant ZipDataset
    """,
}

#: Reason by operator.
REFUSED: Mapping[str, str] = {op: reason for reason, names in _NAMES.items() for op in names.split()}
